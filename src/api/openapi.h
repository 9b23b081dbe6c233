#pragma once
// OpenAPI: the API's description, for programs that read such. It is written by hand in
// openapi.json beside this file, and the program has it in itself.
//
// Threads: any; constant.

#include <stddef.h>

struct exchange;

// The description as it is served: JSON of OpenAPI 3.1, with a zero behind its *ret_n bytes.
const char *openapi_text(size_t *ret_n);

// Answer with it.
void openapi_answer(struct exchange *exchange);
