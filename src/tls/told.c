/* SPDX-License-Identifier: Apache-2.0 */
/* What a process tells about its TLS, for `postern status`. */
#include "base/json.h"
#include "tls/inside.h"

static void put_names(struct text *out, const struct host *host)
{
	text_put(out, SLICE(",\"names\":["));
	for (size_t i = 0; i < host->name_count; i++)
		json_put_text(out, i ? SLICE(",") : SLICE_NONE, host->names[i]);
	text_char(out, ']');
}

static void put_host(struct text *out, const struct host *host, wall_ns now)
{
	wall_ns ends = certificate_ends(sk_X509_value(host->chain, 0));

	json_put_text(out, SLICE("{\"file\":"), host->file);
	json_put_text(out, SLICE(",\"type\":"), slice_of(EVP_PKEY_get0_type_name(host->key)));
	put_names(out, host);
	json_put_time(out, SLICE(",\"ends\":"), ends);
	text_format(out, ",\"days\":%lld}", (long long)((ends - now) / (86400 * NS_PER_S)));
}

static void put_reasons(struct text *out, const struct tls_counts *counts)
{
	text_put(out, SLICE(",\"reasons\":{"));
	for (size_t i = 0; i < TLS_REASONS && counts->reasons[i].words; i++) {
		text_put(out, i ? SLICE(",") : SLICE_NONE);
		text_json(out, slice_of(counts->reasons[i].words));
		json_put_number(out, SLICE(":"), counts->reasons[i].count);
	}
	text_char(out, '}');
}

void json_put_tls_state(struct text *out, struct slice key, const struct tls *tls, wall_ns now)
{
	const struct tls_counts *counts = &tls->counts;

	text_put(out, key);
	json_put_truth(out, SLICE("{\"keys\":"), tls_has_keys(tls));
	text_put(out, SLICE(",\"certificates\":["));
	for (size_t i = 0; tls->contexts && i < tls->contexts->count; i++) {
		text_put(out, i ? SLICE(",") : SLICE_NONE);
		put_host(out, &tls->contexts->hosts[i], now);
	}
	json_put_number(out, SLICE("],\"handshakes\":"), counts->accepted);
	json_put_number(out, SLICE(",\"resumed\":"), counts->resumed);
	json_put_number(out, SLICE(",\"failed\":"), counts->failed);
	put_reasons(out, counts);
	text_char(out, '}');
}
