#pragma once
// Form: the body of a request that brings a file, read as it comes: multipart/form-data with
// the file in one of its fields, or the file and nothing else.
//
// Threads: any; a form belongs to its caller.
// Memory:  FORM_VALUE_MAX and a parser's (multipart.h) for each; the file is handed on in
// pieces.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

#define FORM_VALUE_MAX  ((size_t)16 * 1024)      // bytes of a field that is no file
#define FORM_AROUND_MAX ((uint64_t)1024 * 1024)  // bytes of all that is not the file's

struct form;

// What is told of it, in the order in which it comes; each false: no more is to be read.
struct form_listener {
        // The file begins; what its sender calls it (lent; NULL: nothing, as in a body that is
        // no form).
        bool (*on_file)(void *context, const char *name);
        // A piece of it, not empty; lent.
        bool (*on_bytes)(void *context, const uint8_t *bytes, size_t n);
        // Another field, whole; both lent.
        bool (*on_field)(void *context, const char *name, const char *value);
        void *context;
};

// What is wrong with one.
struct form_mistake {
        int status;         // as HTTP has it
        const char *field;  // that it is about, lent by the form; NULL: none
        const char *words;  // static
};

// For a body of this Content-Type (NULL: none is said), whose file is in that field (static).
// NULL: it is multipart/form-data without a boundary.
struct form *form_new(const char *content_type, const char *file_field,
                      const struct form_listener *listener);
struct form *form_free(struct form *form);

// What a form without a boundary is told.
extern const struct form_mistake form_without_boundary;

// The next bytes, cut anywhere. False: the listener wants no more, or form_mistake() says what
// is wrong. No more may be fed then.
bool form_feed(struct form *form, const uint8_t *bytes, size_t n);

// No more bytes come. False: it is not whole, has no file or an empty one (form_mistake()).
bool form_end(struct form *form);

// What is wrong with it; NULL: nothing, as far as it was read.
const struct form_mistake *form_mistake(const struct form *form);

// Bytes that the file has at least in a body whose head says that it has so many (UINT64_MAX:
// it does not, and nobody knows).
uint64_t form_file_size(const struct form *form, uint64_t n_body);

DEFINE_CLEANUP(struct form *, form_free);
