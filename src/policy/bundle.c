/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles: gathering, encoding, opening. The contract is in bundle.h. Encoded:
 *
 *	"PSTB" u16 format, counted nodename, counted gateways, u32 count, then for each file
 *	u8 kind, u8 missing, counted path, counted why, u32 length, bytes
 */
#include "policy/bundle.h"

#include <openssl/evp.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cursor.h"
#include "base/panic.h"
#include "base/text.h"
#include "policy/files.h"
#include "policy/gateways.h"

enum { BUNDLE_FORMAT = 1, BUNDLE_FILE_LEAST = 2 + 2 + 2 + 4 };
#define BUNDLE_MAGIC SLICE("PSTB")

static void bundle_hash(struct bundle *bundle)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	int done =
		EVP_Digest(bundle->bytes.at, bundle->bytes.len, digest, &len, EVP_sha256(), NULL);
	panic_if(done != 1 || len < 8, "SHA-256 is not to be had");
	struct text text = {.at = bundle->hash, .size = sizeof bundle->hash - 1};
	for (size_t i = 0; i < 8; i++)
		text_hex(&text, digest[i], 2);
	bundle->hash[16] = '\0';
}

static size_t bundle_size(const struct bundle *bundle)
{
	size_t size = 4 + 2 + 2 + bundle->nodename.len + 2 + bundle->gateways.len + 4;

	for (size_t i = 0; i < bundle->count; i++)
		size += BUNDLE_FILE_LEAST + bundle->files[i].path.len + bundle->files[i].why.len +
			bundle->files[i].bytes.len;
	return size;
}

static void bundle_encode(struct bundle *bundle, struct arena *arena)
{
	size_t size = bundle_size(bundle);
	struct writer out = writer_over(arena_alloc(arena, size), size);

	write_bytes(&out, BUNDLE_MAGIC);
	write_u16(&out, BUNDLE_FORMAT);
	write_counted(&out, bundle->nodename);
	write_counted(&out, bundle->gateways);
	write_u32(&out, (uint32_t)bundle->count);
	for (size_t i = 0; i < bundle->count; i++) {
		const struct bundle_file *file = &bundle->files[i];
		write_u8(&out, (uint8_t)file->kind);
		write_u8(&out, file->missing);
		write_counted(&out, file->path);
		write_counted(&out, file->why);
		write_u32(&out, (uint32_t)file->bytes.len);
		write_bytes(&out, file->bytes);
	}
	panic_if(out.bad, "a bundle of %zu bytes did not fit", size);
	bundle->bytes = writer_slice(&out);
	bundle_hash(bundle);
}

static struct slice nodename_find(struct arena *arena)
{
	struct utsname host;

	return uname(&host) == 0 ? arena_slice(arena, slice_of(host.nodename)) : SLICE("localhost");
}

void bundle_gather(const char *path, struct arena *arena, struct bundle *bundle)
{
	*bundle =
		(struct bundle){.nodename = nodename_find(arena), .gateways = gateways_find(arena)};
	files_gather(bundle, slice_of(path), arena);
	bundle_encode(bundle, arena);
}

void bundle_of_text(
	struct slice name, struct slice text, struct arena *arena, struct bundle *bundle)
{
	*bundle = (struct bundle){.nodename = nodename_find(arena)};
	files_gather_text(bundle, name, text, arena);
	bundle_encode(bundle, arena);
}

static bool file_open(struct reader *in, struct bundle_file *file)
{
	uint8_t kind = read_u8(in), missing = read_u8(in);

	file->kind = (enum bundle_kind)kind;
	file->missing = missing != 0;
	file->path = read_counted(in);
	file->why = read_counted(in);
	file->bytes = read_bytes(in, read_u32(in));
	return !in->bad && kind <= BUNDLE_CERTIFICATE && missing <= 1;
}

bool bundle_open(struct slice bytes, struct arena *arena, struct bundle *bundle)
{
	struct reader in = reader_of(bytes);

	*bundle = (struct bundle){.bytes = bytes};
	bool ours = slice_is(read_bytes(&in, 4), BUNDLE_MAGIC) && read_u16(&in) == BUNDLE_FORMAT;
	bundle->nodename = read_counted(&in);
	bundle->gateways = read_counted(&in);
	size_t count = read_u32(&in);
	if (!ours || in.bad || count == 0 || count > in.left.len / BUNDLE_FILE_LEAST)
		return false;
	bundle->files = ARENA_ARRAY(arena, struct bundle_file, count);
	for (; bundle->count < count; bundle->count++)
		if (!file_open(&in, &bundle->files[bundle->count]))
			return false;
	if (!read_at_end(&in) || bundle->files[0].kind != BUNDLE_CONFIGURATION)
		return false;
	bundle_hash(bundle);
	return true;
}

const struct bundle_file *bundle_find(const struct bundle *bundle, struct slice path)
{
	for (size_t i = 0; i < bundle->count; i++)
		if (bundle->files[i].kind != BUNDLE_NAMES && slice_is(bundle->files[i].path, path))
			return &bundle->files[i];
	return NULL;
}
