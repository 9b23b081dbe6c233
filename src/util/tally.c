#include "util/tally.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

struct tally_entry {
        char *name;
        size_t n;
};

static int entry_compare(const void *left, const void *right) {
        const struct tally_entry *a = left, *b = right;

        return strcmp(a->name, b->name);
}

static void entry_free(void *context) {
        struct tally_entry *entry = context;

        free(entry->name);
        free(entry);
}

size_t tally_add(struct tally *tally, const char *name) {
        struct tally_entry *entry = xnew(struct tally_entry), **place;

        entry->name = xstrdup(name);
        place = tsearch(entry, &tally->root, entry_compare);
        if (!place)  // no memory for its node: as xnew()
                abort();
        if (*place != entry)
                entry_free(entry);
        return ++(*place)->n;
}

size_t tally_remove(struct tally *tally, const char *name) {
        struct tally_entry wanted = {.name = (char *)name}, **place, *entry;

        place = tfind(&wanted, &tally->root, entry_compare);
        if (!place)
                return 0;
        entry = *place;
        if (--entry->n > 0)
                return entry->n;
        tdelete(entry, &tally->root, entry_compare);
        entry_free(entry);
        return 0;
}

size_t tally_count(const struct tally *tally, const char *name) {
        struct tally_entry wanted = {.name = (char *)name};
        struct tally_entry **place = tfind(&wanted, &tally->root, entry_compare);

        return place ? (*place)->n : 0;
}

void tally_deinit(struct tally *tally) {
        tdestroy(tally->root, entry_free);
        tally->root = NULL;
}
