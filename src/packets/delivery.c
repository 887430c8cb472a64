/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders and decoders between queue and out. Read delivery.h first. */
#include "packets/delivery.h"

#include "base/panic.h"
#include "packets/shape.h"

void delivery_segment_write(struct writer *out, const struct delivery_segment *m)
{
	write_u32(out, m->number);
	write_u8(out, m->segment_class);
	write_u64(out, m->epoch);
}

bool delivery_segment_read(struct slice body, struct delivery_segment *m)
{
	struct reader in = reader_of(body);

	m->number = read_u32(&in);
	m->segment_class = read_u8_below(&in, 2);
	m->epoch = read_u64(&in);
	return read_at_end(&in);
}

void delivery_job_write(struct writer *out, const struct delivery_job *m)
{
	write_u64(out, m->job);
	write_u32(out, m->segment);
	write_u64(out, m->offset);
	write_u64(out, m->id);
	write_u64(out, m->origin);
	write_u8(out, m->route);
	write_u8(out, m->tls);
	write_u16(out, m->port);
	write_u8(out, m->private_too);
	write_counted(out, m->target);
	write_counted(out, m->login);
	write_counted(out, m->password_file);
	write_counted(out, m->recipients);
}

static bool recipients_are_whole(struct slice recipients)
{
	return recipients.len > 0 && recipients.len % 2 == 0 &&
	       recipients.len / 2 <= JOB_RECIPIENTS_MAX;
}

bool delivery_job_read(struct slice body, struct delivery_job *m)
{
	struct reader in = reader_of(body);

	m->job = read_u64(&in);
	m->segment = read_u32(&in);
	m->offset = read_u64(&in);
	m->id = read_u64(&in);
	m->origin = read_u64(&in);
	m->route = read_u8_below(&in, ROUTE_MAILDIR + 1);
	m->tls = read_u8_below(&in, ROUTE_TLS_DANE + 1);
	m->port = read_u16(&in);
	m->private_too = read_bool(&in);
	m->target = read_counted(&in);
	m->login = read_counted_most(&in, ROUTE_LOGIN_MAX);
	m->password_file = read_counted_most(&in, ROUTE_LOGIN_MAX);
	m->recipients = read_counted(&in);
	return read_at_end(&in) && recipients_are_whole(m->recipients);
}

size_t job_recipient_count(const struct delivery_job *m)
{
	return m->recipients.len / 2;
}

uint16_t job_recipient(const struct delivery_job *m, size_t i)
{
	struct reader in = reader_of(slice_part(m->recipients, 2 * i, 2 * i + 2));
	uint16_t recipient = read_u16(&in);

	panic_if(in.bad, "job %llu has no recipient %zu", (unsigned long long)m->job, i);
	return recipient;
}

struct slice route_tls_text(enum route_tls tls)
{
	static const char *const texts[] = {
		[ROUTE_TLS_MAY] = "may",
		[ROUTE_TLS_OFF] = "off",
		[ROUTE_TLS_VERIFIED] = "verified",
		[ROUTE_TLS_DANE] = "dane",
	};
	return slice_of(texts[tls]);
}

static void tls_write(struct writer *out, const struct delivery_tls *tls)
{
	write_u8(out, tls->known);
	write_u8(out, tls->wanted);
	write_u8(out, tls->verified);
	write_counted(out, slice_part(tls->session, 0, TLS_SESSION_MAX));
	write_counted(out, slice_part(tls->why, 0, TLS_WHY_MAX));
}

static void tls_read(struct reader *in, struct delivery_tls *tls)
{
	tls->known = read_bool(in);
	tls->wanted = read_u8_below(in, ROUTE_TLS_DANE + 1);
	tls->verified = read_bool(in);
	tls->session = read_counted_most(in, TLS_SESSION_MAX);
	tls->why = read_counted_most(in, TLS_WHY_MAX);
}

/* What a remote says must not keep its outcome from being told, so its words are cut to fit. */
void delivery_outcome_write(struct writer *out, const struct delivery_outcome *m)
{
	write_u64(out, m->job);
	write_u16(out, m->recipient);
	write_u8(out, m->outcome);
	write_u16(out, m->code);
	write_u16(out, m->reason);
	tls_write(out, &m->tls);
	write_counted(out, slice_part(m->enhanced, 0, ENHANCED_TEXT_MAX));
	write_counted(out, slice_part(m->remote, 0, REMOTE_NAME_MAX));
	write_counted(out, slice_part(m->words, 0, REMOTE_WORDS_MAX));
}

bool delivery_outcome_read(struct slice body, struct delivery_outcome *m)
{
	struct reader in = reader_of(body);

	m->job = read_u64(&in);
	m->recipient = read_u16(&in);
	m->outcome = read_u8_below(&in, OUTCOME_FAILED + 1);
	m->code = read_u16(&in);
	m->reason = read_u16(&in);
	tls_read(&in, &m->tls);
	m->enhanced = read_counted_most(&in, ENHANCED_TEXT_MAX);
	m->remote = read_counted_most(&in, REMOTE_NAME_MAX);
	m->words = read_counted_most(&in, REMOTE_WORDS_MAX);
	return read_at_end(&in);
}

void delivery_end_write(struct writer *out, const struct delivery_end *m)
{
	write_u64(out, m->job);
}

bool delivery_end_read(struct slice body, struct delivery_end *m)
{
	struct reader in = reader_of(body);

	m->job = read_u64(&in);
	return read_at_end(&in);
}
