/* SPDX-License-Identifier: Apache-2.0 */
/* The linker's build id, a digest of the whole program, read from the program in memory. */
#include "role/build.h"

#include <elf.h>
#include <link.h>

struct slice build_version(void)
{
	return SLICE(POSTERN_VERSION);
}

/* One note: sizes of name and contents, a type, the name, the contents, each padded to 4 bytes. */
static struct slice next_note(struct slice *notes, ElfW(Nhdr) * head)
{
	struct slice note = *notes;

	*head = (ElfW(Nhdr)){0};
	if (notes->len < sizeof *head) {
		*notes = SLICE_NONE;
		return SLICE_NONE;
	}
	__builtin_memcpy(head, notes->at, sizeof *head);
	size_t name = ((size_t)head->n_namesz + 3) & ~(size_t)3;
	size_t contents = ((size_t)head->n_descsz + 3) & ~(size_t)3;
	*notes = slice_from(*notes, sizeof *head + name + contents);
	return slice_part(note, sizeof *head + name, sizeof *head + name + head->n_descsz);
}

static bool put_build_id(struct slice notes, struct text *text)
{
	ElfW(Nhdr) head;

	while (notes.len > 0) {
		struct slice contents = next_note(&notes, &head);
		if (head.n_type != NT_GNU_BUILD_ID || head.n_namesz != sizeof ELF_NOTE_GNU)
			continue;
		text_char(text, '-');
		for (size_t i = 0; i < contents.len; i++)
			text_hex(text, (uint8_t)contents.at[i], 2);
		return true;
	}
	return false;
}

/* The program itself is the first object that is told; libraries do not count. */
static int see_object(struct dl_phdr_info *object, size_t size, void *arg)
{
	(void)size;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		struct slice notes = {
			(const char *)(object->dlpi_addr + segment->p_vaddr), segment->p_memsz};
		if (segment->p_type == PT_NOTE && put_build_id(notes, arg))
			break;
	}
	return 1;
}

void text_build(struct text *text)
{
	text_put(text, build_version());
	dl_iterate_phdr(see_object, text);
}
