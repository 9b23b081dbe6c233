// eavesdrop stream: the streams of the running server, listed and changed.
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/cli_options.h"
#include "cli/reach.h"
#include "util/date.h"
#include "util/input.h"
#include "util/mem.h"

static const struct option_entry entries[] = {
        {"set", "NAME=VALUE",
         "with add: a setting as in the configuration file, such as language=de or "
         "decoding.beam_size=3; may be given several times",
         NULL, 0},
        {"json", NULL, "with list: all that is known, as JSON for programs", NULL, 0},
        REACH_OPTIONS,
        {0},
};

static const struct options_verb verb = {
        .name = "stream",
        .operands = "list | add NAME URL | remove|pause|resume|restart NAME...",
        .about = "list     the streams that the running server fetches, and how they are\n"
                 "add      one more, which the server keeps over its restarts; as URL - it is "
                 "read\n"
                 "         from standard input, where no process list shows its password\n"
                 "remove   streams that were added so; what was heard stays in the journal\n"
                 "pause    nothing is heard until they are resumed, over restarts too\n"
                 "resume   they are heard again\n"
                 "restart  they begin anew, now\n",
        .entries = entries,
};

#define STREAMS_PATH "/api/v1/streams"

#define URL_MAX      8192   // bytes
#define URL_PATIENCE 10000  // ms, of a pipe that nobody writes into

static int usage_mistake(const char *words, const char *argument) {
        complaint_print_value(verb.name, words, argument);
        fputs("Try: eavesdrop stream --help\n", stderr);
        return EXIT_USAGE;
}

static int trouble(const struct error *error) {
        complaint_print(verb.name, "%s", error->text);
        return EXIT_TROUBLE;
}

// --- list ------------------------------------------------------------------------------------

// Why it is as it is, or what was said last.
static char *stream_words(const json_t *stream) {
        CLEANUP(mem_freep) char *reason = cells_text(stream, "reason");
        CLEANUP(mem_freep) char *last = cells_text(json_object_get(stream, "last"), "text");

        return reason[0] ? TAKE(reason) : TAKE(last);
}

static void streams_print(const json_t *streams) {
        CLEANUP(cells_deinit) struct cells cells = {.n_columns = 4};
        const json_t *stream;
        size_t i;

        json_array_foreach(streams, i, stream) {
                cells_row(&cells);
                cells_put(&cells, 0, cells_text(stream, "name"));
                cells_put(&cells, 1, cells_text(stream, "state"));
                cells_put(&cells, 2, cells_text(stream, "owner"));
                cells_put(&cells, 3, stream_words(stream));
        }
        cells_print(&cells, 0);
}

static int streams_list(const struct running *running, const struct options *options) {
        struct error error;
        json_t *answer;

        if (options->n_operands > 1)
                return usage_mistake("list takes no ", options->operands[1]);
        if (reach_ask(running, "GET", STREAMS_PATH, NULL, &answer, &error) < 0)
                return trouble(&error);
        if (options_get(options, "json"))
                cells_json_print(answer);
        else
                streams_print(json_object_get(answer, "streams"));
        json_decref(answer);
        return EXIT_OK;
}

// --- add -------------------------------------------------------------------------------------

// A setting's value as JSON: a number or a switch where it looks like one, else a text.
static json_t *value_json(const char *text) {
        json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

        if (json_is_number(json) || json_is_boolean(json))
                return json;
        json_decref(json);
        return json_string(text);
}

// Put "decoding.beam_size=3" into {"decoding": {"beam_size": 3}}. False when it is no such
// word, or contradicts what was set before.
static bool setting_put(json_t *settings, const char *word) {
        CLEANUP(mem_freep) char *copy = xstrdup(word);
        char *value = strchr(copy, '=');
        char *rest = copy, *key;

        if (!value)
                return false;
        *value++ = '\0';
        while ((key = strsep(&rest, ".")) && rest) {
                json_t *section = json_object_get(settings, key);

                if (!section) {
                        section = json_object();
                        json_object_set_new(settings, key, section);
                }
                settings = section;
        }
        return key && key[0] && json_is_object(settings) && !json_object_get(settings, key) &&
               json_object_set_new(settings, key, value_json(value)) == 0;
}

// The URL, which the caller frees: from standard input for "-". What stood on the command line
// is made unreadable there.
static int url_read(char **ret, char *operand, struct error *error) {
        size_t n = 0;
        int r;

        if (strcmp(operand, "-") != 0) {
                *ret = xstrdup(operand);
                reach_hide(operand);
                return 0;
        }
        r = input_read("-", URL_MAX, URL_PATIENCE, ret, &n);
        if (r < 0)
                return error_set(error, r, "cannot read the URL from standard input: %s",
                                 strerrordesc_np(-r));
        while (n > 0 && strchr("\r\n", (*ret)[n - 1]))
                (*ret)[--n] = '\0';
        return 0;
}

// The request's body; -1 to go on, else the exit code.
static int body_make(json_t *body, const struct options *options) {
        CLEANUP(mem_freep) char *url = NULL;
        const char *word;
        struct error error;
        size_t at = 0;

        if (options->n_operands != 3)
                return usage_mistake("add takes a name and a URL, not ",
                                     options->n_operands > 3 ? options->operands[3] : "fewer");
        while ((word = options_next(options, "set", &at)))
                if (!setting_put(body, word))
                        return usage_mistake("--set takes NAME=VALUE, each name once, not ",
                                             word);
        if (url_read(&url, options->operands[2], &error) < 0)
                return trouble(&error);
        json_object_set_new(body, "name", json_string(options->operands[1]));
        if (json_object_set_new(body, "url", json_string(url)) < 0)
                return usage_mistake("the URL is no UTF-8: ", url);
        return -1;
}

static int stream_add(const struct running *running, const struct options *options) {
        json_t *body = json_object(), *answer;
        struct error error;
        int r = body_make(body, options);

        if (r >= 0) {
                json_decref(body);
                return r;
        }
        if (reach_ask(running, "POST", STREAMS_PATH, body, &answer, &error) < 0)
                return trouble(&error);
        json_decref(answer);
        return EXIT_OK;
}

// --- what is done to streams by name ---------------------------------------------------------

struct action {
        const char *name, *method;
        const char *behind;  // the stream's name in the path
};

static int action_do(const struct running *running, const struct action *action,
                     const char *name) {
        char *escaped = curl_easy_escape(NULL, name, 0);
        CLEANUP(mem_freep)
        char *target = xasprintf(STREAMS_PATH "/%s%s", escaped, action->behind);
        struct error error;
        json_t *answer;

        curl_free(escaped);
        if (reach_ask(running, action->method, target, NULL, &answer, &error) < 0) {
                error_prefix(&error, "'%s'", name);
                return trouble(&error);
        }
        json_decref(answer);
        return EXIT_OK;
}

// All of them, whatever becomes of one.
static int action_do_all(const struct running *running, const struct action *action,
                         const struct options *options) {
        int code = EXIT_OK;

        if (options->n_operands < 2)
                return usage_mistake("which stream? A name is missing behind ", action->name);
        for (size_t i = 1; i < options->n_operands; i++) {
                if (!options->operands[i][0])
                        return usage_mistake("a stream's name is not ", "empty");
                if (action_do(running, action, options->operands[i]) != EXIT_OK)
                        code = EXIT_TROUBLE;
        }
        return code;
}

// --- the verb --------------------------------------------------------------------------------

static const struct action actions[] = {
        {"remove", "DELETE", ""},
        {"pause", "POST", "/pause"},
        {"resume", "POST", "/resume"},
        {"restart", "POST", "/restart"},
        {0},
};

static const struct action *action_find(const char *name) {
        for (const struct action *action = actions; action->name; action++)
                if (strcmp(action->name, name) == 0)
                        return action;
        return NULL;
}

static int stream_do(const struct running *running, const struct options *options) {
        const char *what = options->operands[0];

        if (strcmp(what, "list") == 0)
                return streams_list(running, options);
        if (strcmp(what, "add") == 0)
                return stream_add(running, options);
        return action_do_all(running, action_find(what), options);
}

static bool is_known(const char *what) {
        return strcmp(what, "list") == 0 || strcmp(what, "add") == 0 || action_find(what);
}

int cli_stream(int argc, char **argv) {
        CLEANUP(running_freep) struct running *running = NULL;
        struct cli_options options;
        int r = cli_options_parse(&options, &verb, SETTING_READ, argc, argv);

        if (r >= 0)
                return r;
        if (options.options.n_operands == 0 || !is_known(options.options.operands[0]))
                return usage_mistake(
                        "expected list, add, remove, pause, resume or restart, not ",
                        options.options.n_operands ? options.options.operands[0] : "nothing");
        r = reach_server(&running, &options);
        return r >= 0 ? r : stream_do(running, &options.options);
}
