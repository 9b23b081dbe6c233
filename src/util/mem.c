#include "util/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT 64
#define HUGE_PAGE ((size_t)2 << 20)

// Larger blocks are mapped by themselves.
#define MAPPED_MIN (1 << 20)

static void (*mem_last_words)(const char *line);

static _Noreturn void mem_exhausted(void) {
        if (mem_last_words)
                mem_last_words("eavesdrop: out of memory");
        abort();
}

void *xcalloc(size_t n, size_t size) {
        void *block = calloc(n ? n : 1, size ? size : 1);

        if (!block)
                mem_exhausted();
        return block;
}

void *xrealloc_array(void *block, size_t n, size_t size) {
        void *moved = reallocarray(block, n ? n : 1, size ? size : 1);

        if (!moved)
                mem_exhausted();
        return moved;
}

char *xstrdup(const char *text) {
        char *copy;

        if (!text)
                return NULL;
        copy = strdup(text);
        if (!copy)
                mem_exhausted();
        return copy;
}

char *xasprintf(const char *format, ...) {
        va_list arguments;
        char *text = NULL;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                mem_exhausted();
        va_end(arguments);
        return text;
}

void *try_calloc(size_t n, size_t size) {
        return calloc(n ? n : 1, size ? size : 1);
}

void *try_aligned(size_t size) {
        size_t alignment = size >= HUGE_PAGE ? HUGE_PAGE : ALIGNMENT;
        size_t whole = (size + alignment - 1) / alignment * alignment;
        void *ret = whole < size ? NULL : aligned_alloc(alignment, whole ? whole : alignment);

        if (ret && alignment == HUGE_PAGE)
                madvise(ret, whole, MADV_HUGEPAGE);  // a wish: it may be refused
        if (ret)
                memset(ret, 0, whole);
        return ret;
}

void mem_setup(void (*last_words)(const char *line)) {
        mem_last_words = last_words;
        mallopt(M_MMAP_THRESHOLD, MAPPED_MIN);  // NOLINT(concurrency-mt-unsafe): at start
        mallopt(M_TRIM_THRESHOLD, MAPPED_MIN);  // NOLINT(concurrency-mt-unsafe): at start
}

void *mem_free(void *block) {
        free(block);
        return NULL;
}
