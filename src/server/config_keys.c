#include "server/config_keys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decode/language.h"
#include "net/origin.h"
#include "util/mem.h"
#include "util/memory_limit.h"
#include "util/number.h"

static const char *const task_names[] = {"transcribe", "translate", NULL};
static const char *const transport_names[] = {"tcp", "udp", NULL};
static const char *const boolean_names[] = {"false", "true", NULL};
static const char *const level_names[] = {"debug", "info", "warning", "error", NULL};
static const char *const format_names[] = {"text", "json", NULL};

// Position of the value among the choices, or -1.
static int choice_find(const char *const *choices, const char *value) {
        for (int i = 0; choices[i]; i++)
                if (strcmp(choices[i], value) == 0)
                        return i;
        return -1;
}

static void text_replace(char **place, const char *value) {
        free(*place);
        *place = xstrdup(value);
}

// --- addresses -------------------------------------------------------------------------------

static bool port_is_good(const char *port) {
        char *end;
        long number;

        if (port[0] < '0' || port[0] > '9')
                return false;
        errno = 0;
        number = strtol(port, &end, 10);
        return *end == '\0' && errno == 0 && number <= 65535;
}

static bool host_is_good(const char *host) {
        static const char digits[] = "0123456789.";
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789.-_";
        struct in_addr address;
        size_t length = strlen(host);

        if (length == 0)
                return true;  // all interfaces
        if (strspn(host, digits) == length)
                return inet_pton(AF_INET, host, &address) == 1;
        return length <= 253 && strspn(host, letters) == length;
}

static bool address_is_good(const char *value) {
        CLEANUP(mem_freep) char *host = xstrdup(value);
        char *colon = strrchr(host, ':');

        if (!colon || !port_is_good(colon + 1))
                return false;
        *colon = '\0';
        if (host[0] == '[') {
                struct in6_addr address;
                size_t length = strlen(host);

                if (length < 2 || host[length - 1] != ']')
                        return false;
                host[length - 1] = '\0';
                return inet_pton(AF_INET6, host + 1, &address) == 1;
        }
        return host_is_good(host);
}

// Keep the words as a list with blanks between, each of which must be good. Commas may stand
// for blanks.
static bool words_set(char **list, const char *value, bool (*is_good)(const char *word)) {
        CLEANUP(mem_freep) char *copy = xstrdup(value);
        CLEANUP(mem_freep) char *joined = NULL;
        char *place = copy, *word;

        while ((word = strsep(&place, ", \t"))) {
                CLEANUP(mem_freep) char *before = TAKE(joined);

                if (word[0] != '\0' && !is_good(word))
                        return false;
                joined = word[0] == '\0' ? TAKE(before)
                         : before        ? xasprintf("%s %s", before, word)
                                         : xstrdup(word);
        }
        text_replace(list, joined);
        return true;
}

static bool origin_is_good(const char *word) {
        struct origin origin;

        return origin_read(word, &origin);
}

static bool server_set_origins(void *target, const char *value) {
        struct config *config = target;

        return words_set(&config->origins, value, origin_is_good);
}

static bool host_name_is_good(const char *word) {
        struct authority authority;

        return authority_read(word, &authority) && authority.port < 0;
}

static bool server_set_hosts(void *target, const char *value) {
        struct config *config = target;

        return words_set(&config->hosts, value, host_name_is_good);
}

// --- the server's keys -----------------------------------------------------------------------

static bool server_set_listen(void *target, const char *value) {
        struct config *config = target;

        if (!address_is_good(value))
                return false;
        text_replace(&config->listen, value);
        return true;
}

static bool server_set_model(void *target, const char *value) {
        struct config *config = target;

        if (value[0] == '\0')
                return false;
        text_replace(&config->model, value);
        return true;
}

static bool server_set_model_dir(void *target, const char *value) {
        struct config *config = target;

        if (value[0] == '\0')
                return false;
        text_replace(&config->model_dir, value);
        return true;
}

static bool server_set_language(void *target, const char *value) {
        struct config *config = target;
        const char *code = language_resolve(value);

        if (!code)
                return false;
        text_replace(&config->language, code[0] != '\0' ? code : NULL);
        return true;
}

// A whole number from `least` to `most`.
static bool count_set(int *count, const char *value, long least, long most) {
        char *end;
        long number;

        if (value[0] < '0' || value[0] > '9')
                return false;
        errno = 0;
        number = strtol(value, &end, 10);
        if (*end != '\0' || errno != 0 || number < least || number > most)
                return false;
        *count = (int)number;
        return true;
}

static bool server_set_engines(void *target, const char *value) {
        struct config *config = target;

        return count_set(&config->engines, value, 1, CONFIG_ENGINES_MAX);
}

static bool server_set_threads(void *target, const char *value) {
        struct config *config = target;

        return count_set(&config->threads, value, 0, CONFIG_THREADS_MAX);
}

static bool server_set_address_connections(void *target, const char *value) {
        struct config *config = target;

        return count_set(&config->address_connections, value, 0, CONFIG_ADDRESS_MAX);
}

static bool server_set_address_sessions(void *target, const char *value) {
        struct config *config = target;

        return count_set(&config->address_sessions, value, 0, CONFIG_ADDRESS_MAX);
}

static bool server_set_address_backlog(void *target, const char *value) {
        struct config *config = target;

        return count_set(&config->address_backlog, value, 0, CONFIG_ADDRESS_MAX);
}

static bool server_set_compute(void *target, const char *value) {
        struct config *config = target;
        int choice = choice_find(compute_names, value);

        if (choice < 0)
                return false;
        config->compute = (enum compute)choice;
        return true;
}

static bool server_set_log_level(void *target, const char *value) {
        struct config *config = target;

        return log_level_from_name(value, &config->log_level);
}

static bool server_set_log_format(void *target, const char *value) {
        struct config *config = target;
        int choice = choice_find(format_names, value);

        if (choice < 0)
                return false;
        config->log_format = choice == 0 ? LOG_TEXT : LOG_JSON;
        return true;
}

// --- the filters' limits
// ----------------------------------------------------------------------

// A number from `least` to `most`, or "off", which becomes `off`.
static bool limit_set(float *limit, const char *value, double least, double most, float off) {
        const char *end;
        double number;

        if (strcmp(value, "off") == 0) {
                *limit = off;
                return true;
        }
        end = number_read(value, &number);
        if (!end || *end != '\0' || number < least || number > most)
                return false;
        *limit = (float)number;
        return true;
}

static bool server_set_repetition(void *target, const char *value) {
        struct config *config = target;

        return limit_set(&config->decoding.repetition_max, value, 2, 100, INFINITY);
}

static bool server_set_words_per_second(void *target, const char *value) {
        struct config *config = target;

        return limit_set(&config->decoding.words_per_second_max, value, 1, 100, INFINITY);
}

// --- hearing and backlogged
// -----------------------------------------------------------------------

#define PAUSE_EXPECTED  "seconds from 0.1 to 10"
#define WINDOW_EXPECTED "seconds from 5 to 28"

// A plain number from `least` to `most`.
static bool number_set(float *number, const char *value, double least, double most) {
        return strcmp(value, "off") != 0 && limit_set(number, value, least, most, 0);
}

static bool server_set_pause(void *target, const char *value) {
        struct config *config = target;

        return number_set(&config->pause, value, 0.1, 10);
}

static bool server_set_window_max(void *target, const char *value) {
        struct config *config = target;

        return number_set(&config->window_max, value, 5, 28);
}

static bool server_set_admission(void *target, const char *value) {
        struct config *config = target;
        int choice = choice_find(boolean_names, value);

        if (choice < 0)
                return false;
        config->has_admission = choice == 1;
        return true;
}

static bool server_set_backlog_folder(void *target, const char *value) {
        struct config *config = target;

        if (value[0] == '\0')
                return false;
        text_replace(&config->backlog_folder, value);
        return true;
}

static bool megabytes_set(unsigned *megabytes, const char *value, float most) {
        float number;

        if (!number_set(&number, value, 0, most))
                return false;
        *megabytes = (unsigned)number;
        return true;
}

size_t config_memory_auto(void) {
        uint64_t share = memory_limit("") / CONFIG_MEMORY_SHARE;

        return share < CONFIG_MEMORY_AUTO ? (size_t)share : CONFIG_MEMORY_AUTO;
}

// Least: a few sessions with a whole window each. Most: a terabyte, a mistake beyond doubt.
#define MEMORY_LEAST ((uint64_t)16000000)
#define MEMORY_MOST  ((uint64_t)1000000000000)

static bool server_set_memory(void *target, const char *value) {
        struct config *config = target;
        uint64_t size;

        if (strcmp(value, "auto") == 0) {
                config->memory = config_memory_auto();
                return true;
        }
        if (!size_read(value, &size) || size < MEMORY_LEAST || size > MEMORY_MOST)
                return false;
        config->memory = (size_t)size;
        return true;
}

static bool server_set_backlog_memory(void *target, const char *value) {
        struct config *config = target;

        return megabytes_set(&config->backlog_memory, value, 1000000);
}

static bool server_set_backlog_disk(void *target, const char *value) {
        struct config *config = target;

        return megabytes_set(&config->backlog_disk, value, 10000000);
}

// --- uploads ---------------------------------------------------------------------------------

static bool server_set_uploads_at_once(void *target, const char *value) {
        struct config *config = target;

        return count_set(&config->uploads.at_once, value, 0, CONFIG_UPLOADS_MAX);
}

static bool server_set_uploads_waiting(void *target, const char *value) {
        struct config *config = target;

        return count_set(&config->uploads.waiting, value, 0, CONFIG_WAITING_MAX);
}

#define UPLOAD_SIZE_LEAST ((uint64_t)1000)
#define UPLOAD_SIZE_MOST  ((uint64_t)1000000000000)

static bool server_set_uploads_size(void *target, const char *value) {
        struct config *config = target;
        uint64_t size;

        if (!size_read(value, &size) || size < UPLOAD_SIZE_LEAST || size > UPLOAD_SIZE_MOST)
                return false;
        config->uploads.size = size;
        return true;
}

#define UPLOAD_SECONDS_MOST ((uint64_t)1000 * 3600)

static bool server_set_uploads_seconds(void *target, const char *value) {
        struct config *config = target;
        uint64_t seconds;

        if (!seconds_read(value, &seconds) || seconds < 1 || seconds > UPLOAD_SECONDS_MOST)
                return false;
        config->uploads.seconds = seconds;
        return true;
}

#define LANGUAGE_EXPECTED "a language such as English, de or zh-CN, or auto to detect it"

#define ADDRESS_EXPECTED "a whole number from 0 (no limit) to 1000000"

_Static_assert(CONFIG_THREADS_MAX == 256 && CONFIG_ENGINES_MAX == 64 &&
                       CONFIG_ADDRESS_MAX == 1000000,
               "the words below name them");

const struct config_key config_server_keys[] = {
        {"listen", "EAVESDROP_LISTEN",
         "HOST:PORT such as 127.0.0.1:9090, [::1]:9090 or :9090, the port 0 to 65535", NULL,
         false, server_set_listen},
        {"origins", "EAVESDROP_ORIGINS",
         "a page's origin such as https://dash.example or http://localhost:3000", NULL, false,
         server_set_origins},
        {"hosts", "EAVESDROP_HOSTS",
         "a name of this server such as cameras.example, without a port", NULL, false,
         server_set_hosts},
        {"model", "EAVESDROP_MODEL",
         "a model's name such as base, or the path of a model's folder or file", NULL, true,
         server_set_model},
        {"model_dir", "EAVESDROP_MODEL_DIR", "the folder that models are kept in", NULL, true,
         server_set_model_dir},
        {"language", "EAVESDROP_LANGUAGE", LANGUAGE_EXPECTED, language_names, false,
         server_set_language},
        {"engines", "EAVESDROP_ENGINES", "a whole number from 1 to 64", NULL, false,
         server_set_engines},
        {"threads", "EAVESDROP_THREADS", "a whole number from 0 (all cores) to 256", NULL,
         false, server_set_threads},
        {"compute", "EAVESDROP_COMPUTE", "auto, float32, bf16 or int8", compute_names, false,
         server_set_compute},
        {"filters.repetition", "EAVESDROP_FILTERS_REPETITION", "a number from 2 to 100, or off",
         NULL, false, server_set_repetition},
        {"filters.words_per_second", "EAVESDROP_FILTERS_WORDS_PER_SECOND",
         "a number from 1 to 100, or off", NULL, false, server_set_words_per_second},
        {"pause", "EAVESDROP_PAUSE", PAUSE_EXPECTED, NULL, false, server_set_pause},
        {"window_max", "EAVESDROP_WINDOW_MAX", WINDOW_EXPECTED, NULL, false,
         server_set_window_max},
        {"memory", "EAVESDROP_MEMORY", "auto, or a size from 16MB to 1000GB", NULL, false,
         server_set_memory},
        {"admission", "EAVESDROP_ADMISSION", "true or false", boolean_names, false,
         server_set_admission},
        {"backlog.folder", "EAVESDROP_BACKLOG_FOLDER", "the folder for the backlog's sound",
         NULL, true, server_set_backlog_folder},
        {"backlog.memory", "EAVESDROP_BACKLOG_MEMORY", "megabytes from 0 to 1000000", NULL,
         false, server_set_backlog_memory},
        {"backlog.disk", "EAVESDROP_BACKLOG_DISK", "megabytes from 0 to 10000000", NULL, false,
         server_set_backlog_disk},
        {"uploads.at_once", "EAVESDROP_UPLOADS_AT_ONCE",
         "a whole number from 0 (one per core) to 256", NULL, false,
         server_set_uploads_at_once},
        {"uploads.waiting", "EAVESDROP_UPLOADS_WAITING", "a whole number from 0 to 100000",
         NULL, false, server_set_uploads_waiting},
        {"uploads.size", "EAVESDROP_UPLOADS_SIZE", "a size from 1KB to 1000GB", NULL, false,
         server_set_uploads_size},
        {"uploads.seconds", "EAVESDROP_UPLOADS_SECONDS", "a time from 1s to 1000h", NULL, false,
         server_set_uploads_seconds},
        {"per_address.connections", "EAVESDROP_PER_ADDRESS_CONNECTIONS", ADDRESS_EXPECTED, NULL,
         false, server_set_address_connections},
        {"per_address.sessions", "EAVESDROP_PER_ADDRESS_SESSIONS", ADDRESS_EXPECTED, NULL,
         false, server_set_address_sessions},
        {"per_address.backlog", "EAVESDROP_PER_ADDRESS_BACKLOG", "seconds, " ADDRESS_EXPECTED,
         NULL, false, server_set_address_backlog},
        {"log.level", "EAVESDROP_LOG_LEVEL", "debug, info, warning or error", level_names,
         false, server_set_log_level},
        {"log.format", "EAVESDROP_LOG_FORMAT", "text or json", format_names, false,
         server_set_log_format},
        {0},
};

// Those of the filters that faster-whisper has under other names.
const struct config_moved_key config_moved_keys[] = {
        {"filters.no_speech", "EAVESDROP_FILTERS_NO_SPEECH", "decoding.no_speech_threshold",
         "EAVESDROP_DECODING_NO_SPEECH_THRESHOLD"},
        {"filters.log_prob", "EAVESDROP_FILTERS_LOG_PROB", "decoding.log_prob_threshold",
         "EAVESDROP_DECODING_LOG_PROB_THRESHOLD"},
        {"filters.compression_ratio", "EAVESDROP_FILTERS_COMPRESSION_RATIO",
         "decoding.compression_ratio_threshold",
         "EAVESDROP_DECODING_COMPRESSION_RATIO_THRESHOLD"},
        {0},
};

// --- a stream's keys -------------------------------------------------------------------------

static bool stream_set_language(void *target, const char *value) {
        struct stream_config *stream = target;
        const char *code = language_resolve(value);

        if (!code)
                return false;
        text_replace(&stream->language, code);
        return true;
}

static bool stream_set_task(void *target, const char *value) {
        struct stream_config *stream = target;
        int choice = choice_find(task_names, value);

        if (choice < 0)
                return false;
        stream->task = choice == 0 ? DECODE_TRANSCRIBE : DECODE_TRANSLATE;
        return true;
}

static bool stream_set_prompt(void *target, const char *value) {
        struct stream_config *stream = target;

        if (strlen(value) > DECODE_TEXT_MAX)
                return false;
        text_replace(&stream->prompt, value[0] != '\0' ? value : NULL);
        return true;
}

static bool stream_set_pause(void *target, const char *value) {
        struct stream_config *stream = target;

        return number_set(&stream->pause, value, 0.1, 10);
}

static bool stream_set_window_max(void *target, const char *value) {
        struct stream_config *stream = target;

        return number_set(&stream->window_max, value, 5, 28);
}

static bool stream_set_transport(void *target, const char *value) {
        struct stream_config *stream = target;
        int choice = choice_find(transport_names, value);

        if (choice < 0)
                return false;
        stream->transport = choice == 0 ? SOURCE_TRANSPORT_TCP : SOURCE_TRANSPORT_UDP;
        return true;
}

static bool stream_set_loop(void *target, const char *value) {
        struct stream_config *stream = target;
        int choice = choice_find(boolean_names, value);

        if (choice < 0)
                return false;
        stream->is_looped = choice == 1;
        return true;
}

const struct config_key config_stream_keys[] = {
        {"language", NULL, LANGUAGE_EXPECTED, language_names, false, stream_set_language},
        {"task", NULL, "transcribe or translate", task_names, false, stream_set_task},
        {"prompt", NULL, "text of at most 16384 bytes", NULL, false, stream_set_prompt},
        {"pause", NULL, PAUSE_EXPECTED, NULL, false, stream_set_pause},
        {"window_max", NULL, WINDOW_EXPECTED, NULL, false, stream_set_window_max},
        {"transport", NULL, "tcp or udp", transport_names, false, stream_set_transport},
        {"loop", NULL, "true or false", boolean_names, false, stream_set_loop},
        {0},
};

const struct config_key *config_key_find(const struct config_key *keys, const char *name) {
        for (; keys->name; keys++)
                if (strcmp(keys->name, name) == 0)
                        return keys;
        return NULL;
}
