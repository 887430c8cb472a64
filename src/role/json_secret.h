/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For roles through which passwords pass as JSON (`postern user`): jansson's memory is overwritten
 * as it is freed. Said once, before the first value is made; twice does no harm.
 */
#ifndef ROLE_JSON_SECRET_H
#define ROLE_JSON_SECRET_H

#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static inline void json_secret_free(void *memory)
{
	if (memory)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

static inline void json_secret_begin(void)
{
	json_set_alloc_funcs(malloc, json_secret_free);
}

#endif
