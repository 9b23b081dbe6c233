#include "load/vocabulary.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/mem.h"
#include "util/utf8.h"

#define WORD_MAX   128  // bytes; what is longer is cut into several
#define SLOTS_FEW  1024
#define FNV_OFFSET 2166136261U  // FNV-1a, 32 bits
#define FNV_PRIME  16777619U

struct entry {
        char *word;  // NULL: the slot is free
        uint32_t hash;
        uint32_t id;
};

// Open addressing; the number of slots is a power of two and at least twice that of words.
struct vocabulary {
        struct entry *slots;
        size_t n_slots;
        size_t n;
};

struct vocabulary *vocabulary_new(void) {
        struct vocabulary *vocabulary = xnew(struct vocabulary);

        vocabulary->n_slots = SLOTS_FEW;
        vocabulary->slots = xcalloc(SLOTS_FEW, sizeof(*vocabulary->slots));
        return vocabulary;
}

struct vocabulary *vocabulary_free(struct vocabulary *vocabulary) {
        if (!vocabulary)
                return NULL;
        for (size_t i = 0; i < vocabulary->n_slots; i++)
                free(vocabulary->slots[i].word);
        free(vocabulary->slots);
        return mem_free(vocabulary);
}

static struct entry *slot_find(struct entry *slots, size_t n_slots, uint32_t hash,
                               const char *word) {
        size_t at = hash & (n_slots - 1);

        while (slots[at].word &&
               (slots[at].hash != hash || (word && strcmp(slots[at].word, word) != 0)))
                at = (at + 1) & (n_slots - 1);
        return &slots[at];
}

static void vocabulary_grow(struct vocabulary *vocabulary) {
        size_t n_slots = 2 * vocabulary->n_slots;
        struct entry *slots = xcalloc(n_slots, sizeof(*slots));

        for (size_t i = 0; i < vocabulary->n_slots; i++) {
                struct entry *entry = &vocabulary->slots[i];

                if (entry->word)
                        *slot_find(slots, n_slots, entry->hash, entry->word) = *entry;
        }
        free(vocabulary->slots);
        vocabulary->slots = slots;
        vocabulary->n_slots = n_slots;
}

static uint32_t vocabulary_id(struct vocabulary *vocabulary, const char *word) {
        uint32_t hash = FNV_OFFSET;
        struct entry *entry;

        for (const char *byte = word; *byte; byte++)
                hash = (hash ^ (uint8_t)*byte) * FNV_PRIME;
        entry = slot_find(vocabulary->slots, vocabulary->n_slots, hash, word);
        if (entry->word)
                return entry->id;
        *entry = (struct entry){xstrdup(word), hash, (uint32_t)vocabulary->n};
        vocabulary->n++;
        if (2 * vocabulary->n > vocabulary->n_slots)
                vocabulary_grow(vocabulary);
        return (uint32_t)vocabulary->n - 1;
}

// --- the normaliser ----------------------------------------------------------------------

enum character { CHARACTER_LETTER, CHARACTER_APOSTROPHE, CHARACTER_BREAK };

// What the character of `n` bytes is to the normaliser.
static enum character character_judge(const char *bytes, int n) {
        const uint8_t *code = (const uint8_t *)bytes;

        if (n < 0)
                return CHARACTER_BREAK;
        if (n == 1 && code[0] == '\'')
                return CHARACTER_APOSTROPHE;
        if (n == 1)
                return (code[0] >= '0' && code[0] <= '9') ||
                                       (code[0] >= 'A' && code[0] <= 'Z') ||
                                       (code[0] >= 'a' && code[0] <= 'z')
                               ? CHARACTER_LETTER
                               : CHARACTER_BREAK;
        // U+2018 and U+2019, as apostrophes are printed; U+2000 to U+206F, the other general
        // punctuation; U+00A0 to U+00BF, Latin-1's.
        if (n == 3 && code[0] == 0xe2 && code[1] == 0x80 &&
            (code[2] == 0x98 || code[2] == 0x99))
                return CHARACTER_APOSTROPHE;
        if (n == 3 && code[0] == 0xe2 &&
            (code[1] == 0x80 || (code[1] == 0x81 && code[2] < 0xb0)))
                return CHARACTER_BREAK;
        if (n == 2 && code[0] == 0xc2)
                return CHARACTER_BREAK;
        return CHARACTER_LETTER;
}

// Append a character in small letters.
static size_t character_append(char *word, size_t length, const char *bytes, int n) {
        memcpy(word + length, bytes, (size_t)n);
        if (n == 1 && word[length] >= 'A' && word[length] <= 'Z')
                word[length] = (char)(word[length] + 'a' - 'A');
        // U+00C0 to U+00DE lie 32 below their small letters; U+00D7 is the sign for "times".
        if (n == 2 && (uint8_t)bytes[0] == 0xc3 && (uint8_t)bytes[1] < 0x9f &&
            (uint8_t)bytes[1] != 0x97)
                word[length + 1] = (char)(bytes[1] + 0x20);
        return length + (size_t)n;
}

static bool is_space(char byte) {
        return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

// Append the words of one token.
static void token_split(struct vocabulary *vocabulary, const char *token, size_t n,
                        const struct word *place, struct words *ret) {
        char word[WORD_MAX + 8];
        size_t length = 0, at = 0;

        while (at <= n) {
                int step = at < n ? utf8_step(token + at, n - at) : -1;
                enum character character =
                        at < n ? character_judge(token + at, step) : CHARACTER_BREAK;

                if (character == CHARACTER_LETTER)
                        length = character_append(word, length, token + at, step);
                if (length && (character == CHARACTER_BREAK || length >= WORD_MAX)) {
                        struct word found = *place;

                        word[length] = '\0';
                        length = 0;
                        found.id = vocabulary_id(vocabulary, word);
                        words_append(ret, found);
                }
                at += (size_t)abs(step);
        }
}

void vocabulary_split(struct vocabulary *vocabulary, const char *text, size_t base,
                      struct words *ret) {
        const char *at = text;

        while (*at) {
                const char *token;
                struct word place;

                while (is_space(*at))
                        at++;
                token = at;
                while (*at && !is_space(*at))
                        at++;
                place = (struct word){0, (uint32_t)(base + (size_t)(token - text)),
                                      (uint32_t)(at - token)};
                token_split(vocabulary, token, place.token_n, &place, ret);
        }
}

// --- lists -----------------------------------------------------------------------------

void words_append(struct words *words, struct word word) {
        words->items =
                array_grow(words->items, words->n, &words->capacity, sizeof(*words->items));
        words->items[words->n++] = word;
}

void words_deinit(struct words *words) {
        free(words->items);
        *words = (struct words){0};
}
