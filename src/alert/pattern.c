#include "alert/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

// PCRE2's own limits lie above ours, which count what a whole search does; these hold for each
// place that it tries.
#define MATCHES_MAX     1000000
#define DEPTH_MAX       20000
#define HEAP_KIBIBYTES  8192
#define PARENTHESES_MAX 50

struct pattern {
        char *text;
        pcre2_code *code;
        pcre2_match_data *match;
        pcre2_match_context *limits;
        uint64_t *steps;  // while it searches
        PCRE2_SIZE last;  // where the step before was taken
};

// Before each item of the expression that is tried.
static int step_count(pcre2_callout_block *block, void *context) {
        struct pattern *pattern = context;
        PCRE2_SIZE at = block->current_position, last = pattern->last;
        uint64_t cost = 1 + (at > last ? at - last : last - at) / PATTERN_STEP_BYTES;

        pattern->last = at;
        if (cost >= *pattern->steps) {
                *pattern->steps = 0;
                return PCRE2_ERROR_CALLOUT;
        }
        *pattern->steps -= cost;
        return 0;
}

static int pattern_compile(struct pattern *pattern, size_t n, struct error *error) {
        pcre2_compile_context *context = pcre2_compile_context_create(NULL);
        PCRE2_UCHAR words[256];
        PCRE2_SIZE where = 0;
        int code = 0;

        pcre2_set_parens_nest_limit(context, PARENTHESES_MAX);
        pattern->code = pcre2_compile((PCRE2_SPTR)pattern->text, n,
                                      PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS |
                                              PCRE2_AUTO_CALLOUT | PCRE2_NEVER_BACKSLASH_C,
                                      &code, &where, context);
        pcre2_compile_context_free(context);
        if (pattern->code)
                return 0;
        pcre2_get_error_message(code, words, sizeof(words));
        return error_set(error, -EINVAL, "'%s': %s, at character %zu", pattern->text,
                         (const char *)words, (size_t)where + 1);
}

int pattern_new(struct pattern **ret, const char *text, size_t n, struct error *error) {
        CLEANUP(pattern_freep) struct pattern *pattern = xnew(struct pattern);
        int r;

        if (n > PATTERN_BYTES_MAX)
                return error_set(error, -EINVAL, "it has %zu bytes; a pattern has at most %d",
                                 n, PATTERN_BYTES_MAX);
        pattern->text = xcalloc(n + 1, 1);
        memcpy(pattern->text, text, n);
        r = pattern_compile(pattern, n, error);
        if (r < 0)
                return r;
        pattern->match = pcre2_match_data_create_from_pattern(pattern->code, NULL);
        pattern->limits = pcre2_match_context_create(NULL);
        pcre2_set_match_limit(pattern->limits, MATCHES_MAX);
        pcre2_set_depth_limit(pattern->limits, DEPTH_MAX);
        pcre2_set_heap_limit(pattern->limits, HEAP_KIBIBYTES);
        pcre2_set_callout(pattern->limits, step_count, pattern);
        *ret = TAKE(pattern);
        return 0;
}

struct pattern *pattern_free(struct pattern *pattern) {
        if (!pattern)
                return NULL;
        pcre2_match_context_free(pattern->limits);
        pcre2_match_data_free(pattern->match);
        pcre2_code_free(pattern->code);
        free(pattern->text);
        return mem_free(pattern);
}

const char *pattern_text(const struct pattern *pattern) {
        return pattern->text;
}

bool pattern_find(struct pattern *pattern, const char *text, size_t n, uint64_t *steps,
                  void (*on_found)(void *context, size_t begin, size_t end), void *context) {
        const PCRE2_SIZE *place = pcre2_get_ovector_pointer(pattern->match);
        // The text is looked at once for being UTF-8.
        uint32_t options = PCRE2_NOTEMPTY;

        pattern->steps = steps;
        for (size_t at = 0; at < n;) {
                int r;

                pattern->last = at;
                r = pcre2_match(pattern->code, (PCRE2_SPTR)text, n, at, options, pattern->match,
                                pattern->limits);
                if (r == PCRE2_ERROR_NOMATCH)
                        break;
                if (r < 0)
                        // What is no UTF-8 matches nothing; no limit was met.
                        return r >= PCRE2_ERROR_UTF8_ERR21 && r <= PCRE2_ERROR_UTF8_ERR1;
                if (place[1] <= place[0] || place[1] <= at)
                        break;
                on_found(context, place[0], place[1]);
                at = place[1];
                options |= PCRE2_NO_UTF_CHECK;
        }
        return true;
}
