/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that `tls` names. */
#include "policy/tls_files.h"

#include "policy/check.h"
#include "policy/model.h"
#include "tls/certificate.h"

void tls_lines_settle(struct policy *policy)
{
	size_t count = policy->tls_rows.count;
	struct tls_line *lines = ARENA_ARRAY(policy->arena, struct tls_line, count + 1);

	for (size_t i = 0; i < count; i++)
		lines[i] = (struct tls_line){
			policy->tls_rows.at[i].certificate, policy->tls_rows.at[i].key};
	policy->settings.tls = lines;
	policy->settings.tls_count = count;
}

/* ---- what is wrong with them ---- */

static bool file_lacks(const struct bundle *bundle, const struct token *token, struct slice path,
	enum severity severity, struct complaints *complaints)
{
	const struct bundle_file *file = bundle_find(bundle, path);
	struct certificate_facts facts;
	char what[400];
	struct text text = TEXT_FIXED(what);

	if (file && !file->missing && certificate_look(file->bytes, &facts))
		return false;
	text_char(&text, '"');
	text_put(&text, slice_part(path, 0, 200));
	if (!file || file->missing) {
		text_put(&text, SLICE("\" cannot be read: "));
		text_put(&text, file ? file->why : SLICE("it is not in the bundle"));
	} else {
		text_put(&text, SLICE("\" holds no certificate in PEM that can be read"));
	}
	complain_at(complaints, severity, token, text_slice(&text),
		SLICE("a file with the certificate, then those that lead to its root"));
	return true;
}

bool policy_lacks_certificates(const struct policy *policy, const struct bundle *bundle,
	enum severity severity, struct complaints *complaints)
{
	bool lacks = false;

	for (size_t i = 0; i < policy->tls_rows.count; i++)
		lacks |= file_lacks(bundle, &policy->tls_rows.at[i].certificate_token,
			policy->tls_rows.at[i].certificate, severity, complaints);
	if (policy->settings.tls_client_ca.len > 0)
		lacks |= file_lacks(bundle, &policy->client_ca_token,
			policy->settings.tls_client_ca, severity, complaints);
	return lacks;
}

void policy_complain_of_tls(const struct policy *policy, size_t line, bool of_key,
	enum severity severity, struct slice what, struct slice right,
	struct complaints *complaints)
{
	const struct tls_row *row = &policy->tls_rows.at[line];

	complain_at(complaints, severity, of_key ? &row->key_token : &row->certificate_token, what,
		right);
}

/* ---- for a process ---- */

static struct slice bytes_of(const struct bundle *bundle, struct slice path)
{
	const struct bundle_file *file = path.len > 0 ? bundle_find(bundle, path) : NULL;

	return file ? file->bytes : SLICE_NONE;
}

void policy_tls_setup(const struct policy *policy, struct slice bytes, struct arena *arena,
	struct tls_setup *setup)
{
	size_t count = policy->tls_rows.count;
	struct tls_chain *chains = ARENA_ARRAY(arena, struct tls_chain, count + 1);
	struct bundle bundle;

	*setup =
		(struct tls_setup){.chains = chains, .ask_clients = policy->certificates.count > 0};
	if (!bundle_open(bytes, arena, &bundle))
		return;
	for (size_t i = 0; i < count; i++) {
		struct slice path = policy->tls_rows.at[i].certificate;
		struct slice pem = bytes_of(&bundle, path);
		if (pem.len > 0)
			chains[setup->chain_count++] = (struct tls_chain){path, pem};
	}
	setup->client_ca = bytes_of(&bundle, policy->settings.tls_client_ca);
}
