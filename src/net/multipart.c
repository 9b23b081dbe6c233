#include "net/multipart.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/mem.h"

static const char media_type[] = "multipart/form-data";

enum multipart_place {
        PLACE_BEFORE,    // the first boundary
        PLACE_BOUNDARY,  // behind one: the end of its line, or of all
        PLACE_HEAD,
        PLACE_BODY,
        PLACE_BEHIND,  // the last boundary
};

struct multipart {
        struct multipart_listener listener;
        enum multipart_place place;
        char delimiter[4 + MULTIPART_BOUNDARY_MAX + 1];  // "\r\n--" and the boundary
        size_t n_delimiter;
        size_t n_matched;  // bytes of it that came last,
        size_t n_implied;  // of which so many are only thought to be there
        char head[MULTIPART_HEAD_MAX + 1];
        size_t n_head;
        size_t n_parts;
        const char *trouble;
};

// --- parameters of a header ------------------------------------------------------------------

// The value of the parameter `name` in "form-data; name=value; other=\"quoted\""; the caller
// frees it. NULL: it has none. Browsers write a quote within a quoted text as %22, others as
// \".
static char *parameter_find(const char *header, const char *name) {
        size_t n_name = strlen(name);
        const char *at = header + strcspn(header, ";");

        while (*at == ';') {
                CLEANUP(mem_freep) char *value = xcalloc(strlen(at) + 1, 1);
                const char *key = at + 1 + strspn(at + 1, " \t");
                size_t n_key = strcspn(key, "=; \t"), n = 0;
                bool is_quoted;

                at = key + n_key + strspn(key + n_key, " \t");
                if (*at == '=')
                        at += 1 + strspn(at + 1, " \t");
                else
                        n_key = 0;
                is_quoted = *at == '"';
                at += is_quoted;
                while (*at && (is_quoted ? *at != '"' : *at != ';')) {
                        at += is_quoted && *at == '\\' && (at[1] == '"' || at[1] == '\\');
                        value[n++] = *at++;
                }
                while (!is_quoted && n > 0 && strchr(" \t", value[n - 1]))
                        value[--n] = '\0';
                at += strcspn(at, ";");
                if (n_key == n_name && strncasecmp(key, name, n_name) == 0)
                        return TAKE(value);
        }
        return NULL;
}

bool multipart_is_meant(const char *content_type) {
        size_t n = sizeof(media_type) - 1;

        return strncasecmp(content_type, media_type, n) == 0 &&
               (content_type[n] == '\0' || strchr("; \t", content_type[n]));
}

// --- a part's head ---------------------------------------------------------------------------

static bool fail(struct multipart *multipart, const char *words) {
        multipart->trouble = words;
        return false;
}

// The line's value, if it is that header; else NULL.
static const char *header_value(const char *line, const char *name) {
        size_t n = strlen(name);

        if (strncasecmp(line, name, n) != 0 || line[n] != ':')
                return NULL;
        return line + n + 1 + strspn(line + n + 1, " \t");
}

static bool part_begin(struct multipart *multipart, const char *disposition) {
        CLEANUP(mem_freep) char *name = parameter_find(disposition, "name");
        CLEANUP(mem_freep) char *file = parameter_find(disposition, "filename");

        if (!name || strncasecmp(disposition, "form-data", 9) != 0)
                return fail(multipart,
                            "a part has no Content-Disposition: form-data; name=...");
        if (++multipart->n_parts > MULTIPART_PARTS_MAX)
                return fail(multipart, "more than 512 parts");
        multipart->place = PLACE_BODY;
        // A boundary may stand at the very beginning of what the part holds.
        multipart->n_matched = multipart->n_implied = 2;
        return multipart->listener.on_part(multipart->listener.context, name, file);
}

// The head is whole: its lines end with "\r\n", the last one is empty.
static bool head_read(struct multipart *multipart) {
        char *rest = NULL;
        const char *disposition = NULL;

        if (memchr(multipart->head, '\0', multipart->n_head))
                return fail(multipart, "a part's head has a zero byte in it");
        for (char *line = strtok_r(multipart->head, "\r\n", &rest); line;
             line = strtok_r(NULL, "\r\n", &rest))
                if (!disposition)
                        disposition = header_value(line, "Content-Disposition");
        return part_begin(multipart, disposition ? disposition : "");
}

// Returns how many of the bytes were taken.
static size_t head_feed(struct multipart *multipart, const uint8_t *bytes, size_t n,
                        bool *ret_goes_on) {
        for (size_t i = 0; i < n; i++) {
                size_t n_head = multipart->n_head;

                if (n_head == MULTIPART_HEAD_MAX) {
                        *ret_goes_on =
                                fail(multipart, "a part's head is longer than 4096 bytes");
                        return i;
                }
                multipart->head[n_head++] = (char)bytes[i];
                multipart->head[n_head] = '\0';
                multipart->n_head = n_head;
                if ((n_head == 2 && memcmp(multipart->head, "\r\n", 2) == 0) ||
                    (n_head >= 4 && memcmp(multipart->head + n_head - 4, "\r\n\r\n", 4) == 0)) {
                        *ret_goes_on = head_read(multipart);
                        return i + 1;
                }
        }
        return n;
}

// --- boundaries ------------------------------------------------------------------------------

// Behind a boundary: "--" ends all; blanks and a line's end begin a part's head.
static size_t boundary_feed(struct multipart *multipart, const uint8_t *bytes, size_t n,
                            bool *ret_goes_on) {
        for (size_t i = 0; i < n; i++) {
                char byte = (char)bytes[i];
                char before = 0;

                if (multipart->n_head)
                        before = multipart->head[0];
                if (byte == '\n' && before == '\r') {
                        multipart->place = PLACE_HEAD;
                        multipart->n_head = 0;
                        return i + 1;
                }
                if (byte == '-' && before == '-') {
                        multipart->place = PLACE_BEHIND;
                        return i + 1;
                }
                if (!(before == '\0' && strchr("\r-", byte) && byte) &&
                    !(before == '\0' && (byte == ' ' || byte == '\t'))) {
                        *ret_goes_on = fail(multipart, "a boundary's line does not end there");
                        return i;
                }
                if (byte == '\r' || byte == '-') {
                        multipart->head[0] = byte;
                        multipart->n_head = 1;
                }
        }
        return n;
}

static bool bytes_tell(struct multipart *multipart, const void *bytes, size_t n) {
        if (n == 0 || multipart->place != PLACE_BODY)
                return true;
        return multipart->listener.on_bytes(multipart->listener.context, bytes, n);
}

static bool delimiter_end(struct multipart *multipart) {
        bool is_part = multipart->place == PLACE_BODY;

        multipart->place = PLACE_BOUNDARY;
        multipart->n_matched = multipart->n_implied = 0;
        multipart->n_head = 0;
        return !is_part || multipart->listener.on_part_end(multipart->listener.context);
}

// What was taken for a delimiter's beginning is none.
static bool matched_tell(struct multipart *multipart) {
        size_t n_implied = multipart->n_implied, n = multipart->n_matched - n_implied;

        multipart->n_matched = multipart->n_implied = 0;
        return bytes_tell(multipart, multipart->delimiter + n_implied, n);
}

// Before the first boundary and within parts: hand on what is no delimiter. A delimiter has
// "\r" at its beginning and nowhere else, so that one can begin only where another broke off.
static size_t body_feed(struct multipart *multipart, const uint8_t *bytes, size_t n,
                        bool *ret_goes_on) {
        size_t i = 0;

        while (i < n && *ret_goes_on) {
                if (multipart->n_matched == 0) {
                        const uint8_t *next = memchr(bytes + i, '\r', n - i);
                        size_t n_plain = next ? (size_t)(next - bytes) - i : n - i;

                        *ret_goes_on = bytes_tell(multipart, bytes + i, n_plain);
                        i += n_plain;
                        multipart->n_matched = next != NULL;
                        i += next != NULL;
                } else if (bytes[i] == (uint8_t)multipart->delimiter[multipart->n_matched]) {
                        i++;
                        if (++multipart->n_matched == multipart->n_delimiter) {
                                *ret_goes_on = delimiter_end(multipart);
                                return i;
                        }
                } else {
                        *ret_goes_on = matched_tell(multipart);
                }
        }
        return i;
}

// --- the door --------------------------------------------------------------------------------

bool multipart_feed(struct multipart *multipart, const uint8_t *bytes, size_t n) {
        bool goes_on = !multipart->trouble;

        while (n > 0 && goes_on) {
                size_t taken = n;

                switch (multipart->place) {
                case PLACE_BEFORE:
                case PLACE_BODY:
                        taken = body_feed(multipart, bytes, n, &goes_on);
                        break;
                case PLACE_BOUNDARY:
                        taken = boundary_feed(multipart, bytes, n, &goes_on);
                        break;
                case PLACE_HEAD:
                        taken = head_feed(multipart, bytes, n, &goes_on);
                        break;
                case PLACE_BEHIND:
                        break;
                }
                bytes += taken;
                n -= taken;
        }
        return goes_on;
}

const char *multipart_trouble(const struct multipart *multipart) {
        return multipart->trouble;
}

bool multipart_is_whole(const struct multipart *multipart) {
        return multipart->place == PLACE_BEHIND;
}

static bool boundary_is_good(const char *boundary) {
        size_t n = boundary ? strlen(boundary) : 0;

        for (size_t i = 0; i < n; i++)
                if (!isprint((unsigned char)boundary[i]))
                        return false;
        return n > 0 && n <= MULTIPART_BOUNDARY_MAX;
}

struct multipart *multipart_new(const char *content_type,
                                const struct multipart_listener *listener) {
        CLEANUP(mem_freep) char *boundary = parameter_find(content_type, "boundary");
        struct multipart *multipart;

        if (!multipart_is_meant(content_type) || !boundary_is_good(boundary))
                return NULL;
        multipart = xnew(struct multipart);
        multipart->listener = *listener;
        memcpy(multipart->delimiter, "\r\n--", 4);
        memcpy(multipart->delimiter + 4, boundary, strlen(boundary));
        multipart->n_delimiter = 4 + strlen(boundary);
        // The first boundary may stand at the very beginning.
        multipart->n_matched = multipart->n_implied = 2;
        return multipart;
}

struct multipart *multipart_free(struct multipart *multipart) {
        return mem_free(multipart);
}
