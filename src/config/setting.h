#pragma once
// Setting: one thing that a user can set, as a row of the table in settings.c. The row says all
// there is to say about it; the reader of files, the environment, the command line, mistakes,
// --help, the JSON schema and the tables of docs/configuration.md are made from it.
//
// Threads: main thread before others start.

#include <stdbool.h>
#include <stddef.h>

#define SETTINGS_MAX      256  // rows
#define SETTING_ITEMS_MAX 64   // of a list

enum setting_kind {
        SETTING_SECTION,  // no value of its own: a mapping of the settings named "NAME.KEY"
        SETTING_SWITCH,   // true or false: bool, or enum decode_choice
        SETTING_CHOICE,   // one of `choices`: an enum that counts from 0 in their order
        SETTING_COUNT,    // a whole number: int or unsigned
        SETTING_NUMBER,   // float or double
        SETTING_TIME,     // a duration in seconds: float or double
        SETTING_SIZE,     // bytes: size_t or uint64_t
        SETTING_TEXT,     // char *
        SETTING_PATH,     // char *; a relative one starts from the configuration file's folder
        SETTING_WORDS,    // char *: words, each checked by itself, with blanks between
        SETTING_CODE,     // char[]: what `resolve` makes of a text
        SETTING_NUMBERS,  // float[`items_max`], and their number
        SETTING_COUNTS,   // int32_t[`items_max`], and their number
        SETTING_URL,      // char *, of a stream; stream_url.c reads it
        SETTING_STREAMS,  // the mapping of streams; mapping.c reads it, and these:
        SETTING_ALERTS,   // the mapping of alerts
        SETTING_SINKS,    // the mapping of sinks
        SETTING_TOKENS,   // the list of tokens
};

// What a setting holds for.
enum {
        SETTING_SERVER = 1,  // the file as a whole and the environment
        SETTING_STREAM = 2,  // one stream of the file, over the server's
        SETTING_CLIENT = 4,  // a client asks for it in its own dialect's words
        SETTING_ALERT = 8,   // one alert
        SETTING_SINK = 16,   // one sink
        SETTING_TOKEN = 32,  // one token
};

// The verbs that have it as an option.
enum {
        SETTING_SERVE = 1,
        SETTING_TRANSCRIBE = 2,
        SETTING_CHECK = 4,
        SETTING_MODEL = 8,
        SETTING_READ = 16,  // search, export, tail, forget
        SETTING_KEYS = 32,  // token
};

// The struct that the value is put into.
enum setting_owner {
        SETTING_IN_CONFIG,
        SETTING_IN_REQUEST,
        SETTING_IN_STREAM,
        SETTING_IN_ALERT,
        SETTING_IN_SINK,
        SETTING_IN_TOKEN,
        SETTING_OWNERS
};

// Where each owner is; NULL: its settings cannot be set here.
struct setting_target {
        void *owners[SETTING_OWNERS];
};

struct setting {
        const char *name;  // "pause"; in a section "uploads.size"
        enum setting_kind kind;
        unsigned applies;  // SETTING_SERVER, ...
        unsigned verbs;    // SETTING_SERVE, ...
        enum setting_owner owner;
        size_t offset, size;  // of the field in its owner
        double least, most;   // of a number or item; bytes of a text; of words too, 0: any
        const char *word;     // what may stand instead of a number ("off"); NULL none
        double word_value;    // and the number that it stands for
        const char *zero;     // what 0 means, where that is not none
        size_t items_max, n_offset;  // of a list; its number of items is a size_t there
        // All that there are, or from which a code may be made; NULL at the end.
        const char *const *choices;
        const char *gone;               // a choice that there once was; NULL none
        const char *instead;            // and what whoever asks for it is told
        const char *list;               // what joins the items of a text that may be a list
        bool may_be_name;               // of a path: without a slash it is a name instead
        bool is_secret;                 // mistakes do not quote it
        bool is_live;                   // of the server itself: a reload puts it into force
        bool (*is_good)(const char *);  // of a text, or of each word; NULL: all are
        const char *(*resolve)(const char *);  // of a code; NULL for a text that is none
        const char *expected;                  // of a text, in words, for mistakes
        const char *argument;                  // what stands for a text in --help
        const char *preset;        // the default, as in a file; NULL: nothing is set
        const char *preset_words;  // what holds then, where that is not nothing
        const char *stands_for;    // of a section that may be a single value: whose
        const char *help;          // one sentence that is understood when read alone
};

// Ended by a row without a name.
extern const struct setting setting_table[];

// Some settings with their values, to be set over others later. Zeroed is empty.
struct setting_value {
        const struct setting *setting;
        char *text;
};

struct setting_values {
        struct setting_value *items;
        size_t n;
};

// The setting of that name that holds for one of `applies`, or NULL.
const struct setting *setting_find(unsigned applies, const char *name);

// The keys of a section ("" for none), each once and NULL at the end; returns their number.
size_t setting_keys(unsigned applies, const char *section, const char *ret[SETTINGS_MAX]);

// Check the value and put it, or a copy, where the setting wants it. False when it is not what
// is expected, or the owner is not there; the target is then as before.
bool setting_set(const struct setting *setting, const struct setting_target *target,
                 const char *value);

// Put all defaults that there are for `applies` in place.
void setting_presets_apply(unsigned applies, const struct setting_target *target);

// Free all texts that belong to one owner.
void setting_texts_free(enum setting_owner owner, void *place);

// A collection of things that users name: streams, alerts, sinks, tokens.
bool setting_is_named(const struct setting *setting);

// Two names for one thing: both settings fill the same field.
bool setting_is_same(const struct setting *setting, const struct setting *other);

// Whether it has the same value in both places.
bool setting_is_equal(const struct setting *setting, const struct setting_target *left,
                      const struct setting_target *right);

// Whether a change of it is in force only once the server was started anew. What streams begin
// from never needs that.
bool setting_needs_restart(const struct setting *setting);

// What joins the items of a value that is written as a list; NULL where none may be.
const char *setting_separator(const struct setting *setting);

// All values that it can have, NULL at the end; NULL where it is free.
const char *const *setting_choices(const struct setting *setting);

// Made for people; the caller frees each: what values it takes ("a whole number from 1 to 64"),
// what stands for one in --help ("N"; "[=true|false]": it may be left out), its variable
// ("EAVESDROP_UPLOADS_SIZE"; NULL: it has none), its option without dashes ("beam-size").
char *setting_expected(const struct setting *setting);
char *setting_argument(const struct setting *setting);
char *setting_variable(const struct setting *setting);
char *setting_option(const struct setting *setting);

// "a, b or c": names (NULL at the end) with ", " between them and " or " before the last. The
// caller frees it.
char *setting_join(const char *const *names, const char *between, const char *last);

// Keep a value that setting_set() took, by copy; set all of them; forget them.
void setting_values_add(struct setting_values *values, const struct setting *setting,
                        const char *text);
void setting_values_apply(const struct setting_values *values,
                          const struct setting_target *target);
void setting_values_deinit(struct setting_values *values);
