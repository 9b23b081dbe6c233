#include "alert/dictionary.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/mem.h"

#define SLOTS_FIRST 64  // a power of two

struct dictionary_entry {
        void *bytes;
        size_t n;
        uint64_t hash;
};

struct dictionary {
        struct dictionary_entry *entries;  // by number - 1
        size_t n, capacity;
        uint32_t *slots;  // numbers by hash, probed linearly; 0: free
        size_t n_slots;   // a power of two, at most half of them taken
};

// FNV-1a, and its high bits folded into those that choose the slot.
static uint64_t hash_of(const void *bytes, size_t n) {
        const uint8_t *from = bytes;
        uint64_t hash = 14695981039346656037ULL;

        for (size_t i = 0; i < n; i++)
                hash = (hash ^ from[i]) * 1099511628211ULL;
        return hash ^ hash >> 32;
}

struct dictionary *dictionary_new(void) {
        struct dictionary *dictionary = xnew(struct dictionary);

        dictionary->n_slots = SLOTS_FIRST;
        dictionary->slots = xcalloc(SLOTS_FIRST, sizeof(*dictionary->slots));
        return dictionary;
}

struct dictionary *dictionary_free(struct dictionary *dictionary) {
        if (!dictionary)
                return NULL;
        for (size_t i = 0; i < dictionary->n; i++)
                free(dictionary->entries[i].bytes);
        free(dictionary->entries);
        free(dictionary->slots);
        return mem_free(dictionary);
}

// Where these bytes are, or may be put.
static uint32_t *slot_of(const struct dictionary *dictionary, const void *bytes, size_t n,
                         uint64_t hash) {
        for (size_t i = hash;; i++) {
                uint32_t *slot = &dictionary->slots[i & (dictionary->n_slots - 1)];
                const struct dictionary_entry *entry;

                if (*slot == 0)
                        return slot;
                entry = &dictionary->entries[*slot - 1];
                if (entry->hash == hash && entry->n == n && memcmp(entry->bytes, bytes, n) == 0)
                        return slot;
        }
}

static void dictionary_grow(struct dictionary *dictionary) {
        free(dictionary->slots);
        dictionary->n_slots *= 2;
        dictionary->slots = xcalloc(dictionary->n_slots, sizeof(*dictionary->slots));
        for (size_t i = 0; i < dictionary->n; i++) {
                const struct dictionary_entry *entry = &dictionary->entries[i];

                *slot_of(dictionary, entry->bytes, entry->n, entry->hash) = (uint32_t)i + 1;
        }
}

uint32_t dictionary_put(struct dictionary *dictionary, const void *bytes, size_t n) {
        uint64_t hash = hash_of(bytes, n);
        uint32_t *slot = slot_of(dictionary, bytes, n, hash);
        struct dictionary_entry *entry;

        if (*slot)
                return *slot;
        dictionary->entries = array_grow(dictionary->entries, dictionary->n,
                                         &dictionary->capacity, sizeof(*dictionary->entries));
        entry = &dictionary->entries[dictionary->n++];
        *entry = (struct dictionary_entry){.bytes = xcalloc(n + 1, 1), .n = n, .hash = hash};
        memcpy(entry->bytes, bytes, n);
        *slot = (uint32_t)dictionary->n;
        if (2 * dictionary->n > dictionary->n_slots)
                dictionary_grow(dictionary);
        return (uint32_t)dictionary->n;
}

uint32_t dictionary_get(const struct dictionary *dictionary, const void *bytes, size_t n) {
        return *slot_of(dictionary, bytes, n, hash_of(bytes, n));
}

uint32_t dictionary_count(const struct dictionary *dictionary) {
        return (uint32_t)dictionary->n;
}
