/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders and decoders between supervisor and roles. Read setup.h first. */
#include "packets/setup.h"

#include "base/panic.h"
#include "packets/shape.h"

static const char *const names[ROLE_NAMES] = {
	[ROLE_SUPERVISOR] = "supervisor",
	[ROLE_EDGE] = "edge",
	[ROLE_RESOLVER] = "resolver",
	[ROLE_QUEUE] = "queue",
	[ROLE_OUT] = "out",
	[ROLE_CONTROL] = "control",
	[ROLE_ACCOUNTS] = "accounts",
	[ROLE_POP] = "pop",
	[ROLE_KEYS] = "keys",
};

const char *role_name_text(enum role_name name)
{
	panic_if((unsigned)name >= ROLE_NAMES, "no role has the number %d", (int)name);
	return names[name];
}

bool role_name_find(struct slice text, enum role_name *name)
{
	for (unsigned i = 0; i < ROLE_NAMES; i++) {
		if (slice_is(text, slice_of(names[i]))) {
			*name = (enum role_name)i;
			return true;
		}
	}
	return false;
}

void setup_hello_write(struct writer *out, const struct setup_hello *m)
{
	write_u16(out, m->role);
	write_u16(out, m->slot);
	write_counted(out, m->build);
}

bool setup_hello_read(struct slice body, struct setup_hello *m)
{
	struct reader in = reader_of(body);

	m->role = read_u16_below(&in, ROLE_NAMES);
	m->slot = read_u16(&in);
	m->build = read_counted(&in);
	return read_at_end(&in);
}

void setup_bundle_write(struct writer *out, const struct setup_bundle *m)
{
	write_u32(out, m->generation);
}

bool setup_bundle_read(struct slice body, struct setup_bundle *m)
{
	struct reader in = reader_of(body);

	m->generation = read_u32(&in);
	return read_at_end(&in);
}

void setup_prepared_write(struct writer *out, const struct setup_prepared *m)
{
	write_u32(out, m->generation);
	write_u8(out, m->ok);
	write_counted(out, m->words);
}

bool setup_prepared_read(struct slice body, struct setup_prepared *m)
{
	struct reader in = reader_of(body);

	m->generation = read_u32(&in);
	m->ok = read_bool(&in);
	m->words = read_counted(&in);
	return read_at_end(&in);
}

void setup_peer_write(struct writer *out, const struct setup_peer *m)
{
	write_u16(out, m->role);
	write_u16(out, m->slot);
}

bool setup_peer_read(struct slice body, struct setup_peer *m)
{
	struct reader in = reader_of(body);

	m->role = read_u16_below(&in, ROLE_NAMES);
	m->slot = read_u16(&in);
	return read_at_end(&in);
}

void setup_grant_write(struct writer *out, const struct setup_grant *m)
{
	write_u16(out, m->what);
	write_counted(out, m->service);
	write_counted(out, m->address);
}

bool setup_grant_read(struct slice body, struct setup_grant *m)
{
	struct reader in = reader_of(body);

	m->what = read_u16_below(&in, GRANT_KINDS);
	m->service = read_counted(&in);
	m->address = read_counted(&in);
	return read_at_end(&in);
}

void setup_stop_write(struct writer *out, const struct setup_stop *m)
{
	write_u32(out, m->grace_ms);
}

bool setup_stop_read(struct slice body, struct setup_stop *m)
{
	struct reader in = reader_of(body);

	m->grace_ms = read_u32(&in);
	return read_at_end(&in);
}

void setup_ended_write(struct writer *out, const struct setup_ended *m)
{
	write_u8(out, m->status);
}

bool setup_ended_read(struct slice body, struct setup_ended *m)
{
	struct reader in = reader_of(body);

	m->status = read_u8(&in);
	return read_at_end(&in);
}

void setup_reload_write(struct writer *out, const struct setup_reload *m)
{
	write_u32(out, m->request);
}

bool setup_reload_read(struct slice body, struct setup_reload *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	return read_at_end(&in);
}

void setup_reloaded_write(struct writer *out, const struct setup_reloaded *m)
{
	write_u32(out, m->request);
	write_u8(out, m->ok);
	write_counted(out, m->words);
}

bool setup_reloaded_read(struct slice body, struct setup_reloaded *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	m->ok = read_bool(&in);
	m->words = read_counted(&in);
	return read_at_end(&in);
}
