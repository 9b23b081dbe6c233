#include "net/form.h"

#include <stdlib.h>
#include <string.h>

#include "net/multipart.h"
#include "util/mem.h"

struct form {
        struct form_listener listener;
        const char *file_field;
        struct multipart *parts;  // NULL: the body is the file
        bool has_file, is_in_file;
        uint64_t n_body, n_file;  // bytes that came, and of those the file's
        char *field;              // which is being read
        char value[FORM_VALUE_MAX + 1];
        size_t n_value;
        bool is_mistaken;
        struct form_mistake mistake;
};

const struct form_mistake form_without_boundary = {
        400, "Content-Type",
        "multipart/form-data needs a boundary of 1 to 70 printable characters"};

static bool fail(struct form *form, int status, const char *field, const char *words) {
        form->is_mistaken = true;
        form->mistake = (struct form_mistake){status, field, words};
        return false;
}

// --- its parts -------------------------------------------------------------------------------

static bool file_on_bytes(struct form *form, const uint8_t *bytes, size_t n) {
        form->n_file += n;
        return form->listener.on_bytes(form->listener.context, bytes, n);
}

static bool part_on_begin(void *context, const char *name, const char *file) {
        struct form *form = context;

        form->is_in_file = strcmp(name, form->file_field) == 0;
        form->n_value = 0;
        if (!form->is_in_file) {
                free(form->field);
                form->field = xstrdup(name);
                return true;
        }
        if (form->has_file)
                return fail(form, 400, form->file_field, "one file at a time is taken");
        form->has_file = true;
        return form->listener.on_file(form->listener.context, file);
}

static bool part_on_bytes(void *context, const uint8_t *bytes, size_t n) {
        struct form *form = context;

        if (form->is_in_file)
                return file_on_bytes(form, bytes, n);
        if (n > FORM_VALUE_MAX - form->n_value)
                return fail(form, 400, form->field, "too long for any parameter");
        memcpy(form->value + form->n_value, bytes, n);
        form->n_value += n;
        return true;
}

static bool part_on_end(void *context) {
        struct form *form = context;

        if (form->is_in_file)
                return true;
        form->value[form->n_value] = '\0';
        if (strlen(form->value) != form->n_value)
                return fail(form, 400, form->field, "it has a zero byte in it");
        return form->listener.on_field(form->listener.context, form->field, form->value);
}

// --- the door --------------------------------------------------------------------------------

static bool file_feed(struct form *form, const uint8_t *bytes, size_t n) {
        if (!form->has_file) {
                form->has_file = true;
                if (!form->listener.on_file(form->listener.context, NULL))
                        return false;
        }
        return file_on_bytes(form, bytes, n);
}

bool form_feed(struct form *form, const uint8_t *bytes, size_t n) {
        form->n_body += n;
        if (!form->parts)
                return file_feed(form, bytes, n);
        if (!multipart_feed(form->parts, bytes, n)) {
                if (multipart_trouble(form->parts))
                        (void)fail(form, 400, NULL, multipart_trouble(form->parts));
                return false;
        }
        // What stands before and behind all parts is read to no end.
        return form->n_body - form->n_file <= FORM_AROUND_MAX ||
               fail(form, 413, NULL, "the form has more than 1 MiB around its file");
}

bool form_end(struct form *form) {
        if (form->parts && !multipart_is_whole(form->parts))
                return fail(form, 400, NULL, "the form ends before its last boundary");
        if (form->parts && !form->has_file)
                return fail(form, 400, form->file_field,
                            "the form has no file in its field for that");
        return form->n_file > 0 || fail(form, 400, form->file_field, "the file is empty");
}

const struct form_mistake *form_mistake(const struct form *form) {
        return form->is_mistaken ? &form->mistake : NULL;
}

// A form is larger than its file.
uint64_t form_file_size(const struct form *form, uint64_t n_body) {
        if (!form->parts || n_body == UINT64_MAX)
                return n_body;
        return n_body > FORM_AROUND_MAX ? n_body - FORM_AROUND_MAX : 0;
}

// --- life ------------------------------------------------------------------------------------

struct form *form_new(const char *content_type, const char *file_field,
                      const struct form_listener *listener) {
        CLEANUP(form_freep) struct form *form = xnew(struct form);
        const struct multipart_listener parts = {
                .on_part = part_on_begin,
                .on_bytes = part_on_bytes,
                .on_part_end = part_on_end,
                .context = form,
        };

        form->listener = *listener;
        form->file_field = file_field;
        if (!content_type || !multipart_is_meant(content_type))
                return TAKE(form);
        form->parts = multipart_new(content_type, &parts);
        return form->parts ? TAKE(form) : NULL;
}

struct form *form_free(struct form *form) {
        if (!form)
                return NULL;
        multipart_free(form->parts);
        free(form->field);
        return mem_free(form);
}
