#include "cli/reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/complaint.h"
#include "util/input.h"
#include "util/mem.h"

#define TOKEN_VARIABLE "EAVESDROP_TOKEN"
#define TOKEN_MAX      4096   // bytes
#define TOKEN_PATIENCE 10000  // ms, of a pipe that nobody writes into

void reach_hide(const char *argument) {
        // It is lent from argv, whose texts are the program's own to change.
        memset((char *)argument, '*', strlen(argument));
}

// --- the token -------------------------------------------------------------------------------

// A token is one word of printable ASCII: it becomes part of a header.
static bool token_is_good(const char *token) {
        for (const char *sign = token; *sign; sign++)
                if (*sign <= ' ' || *sign >= 0x7F)
                        return false;
        return token[0] != '\0';
}

static int token_file_read(char **ret, const char *path, struct error *error) {
        size_t n = 0;
        int r = input_read(path, TOKEN_MAX, TOKEN_PATIENCE, ret, &n);

        if (r < 0)
                return error_set(error, r, "cannot read the token in '%s': %s", path,
                                 strerrordesc_np(-r));
        while (n > 0 && strchr("\r\n \t", (*ret)[n - 1]))
                (*ret)[--n] = '\0';
        return 0;
}

// *ret, which the caller frees, is NULL where none is given.
static int token_get(char **ret, const struct options *options, struct error *error) {
        const char *given = options_get(options, "token");
        const char *file = options_get(options, "token-file");
        const char *variable = getenv(TOKEN_VARIABLE);
        int r = 0;

        if (given && file)
                return error_set(error, -EINVAL, "--token or --token-file, not both");
        *ret = xstrdup(given);
        if (given)
                reach_hide(given);
        else if (file)
                r = token_file_read(ret, file, error);
        else if (variable && variable[0])
                *ret = xstrdup(variable);
        if (r < 0)
                return r;
        return !*ret || token_is_good(*ret)
                       ? 0
                       : error_set(error, -EINVAL,
                                   "the token is no token: it is one word of ASCII");
}

// --- which server ----------------------------------------------------------------------------

static int server_elsewhere(struct running **ret, const struct options *options,
                            struct error *error) {
        CLEANUP(mem_freep) char *token = NULL;
        int r = token_get(&token, options, error);

        return r < 0 ? r
                     : running_elsewhere(ret, options_get(options, "url"), token,
                                         options_get(options, "authority"), error);
}

static int server_here(struct running **ret, const struct config *config, struct error *error) {
        CLEANUP(mem_freep) char *folder = config_state_dir(config);
        CLEANUP(mem_freep) char *other = NULL;
        int r = running_find(ret, config, &other, error);

        if (r < 0 || *ret)
                return r;
        if (other)
                return error_set(error, -ENOENT,
                                 "no server with the state folder %s; the one that runs here "
                                 "has --state-dir %s",
                                 folder, other);
        return error_set(error, -ENOENT,
                         "no server with the state folder %s runs here, or you may not use "
                         "its socket; --url has one elsewhere",
                         folder);
}

// What is for a server elsewhere only, and was given without one.
static const char *stray_option(const struct options *options) {
        static const char *const names[] = {"token", "token-file", "authority"};

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (options_get(options, names[i]))
                        return names[i];
        return NULL;
}

int reach_server(struct running **ret, const struct cli_options *options) {
        CLEANUP(config_freep) struct config *config = NULL;
        const char *stray = stray_option(&options->options);
        struct error error;
        int r;

        if (options_get(&options->options, "url")) {
                r = server_elsewhere(ret, &options->options, &error);
        } else if (stray) {
                r = error_set(&error, -EINVAL, "--%s is for --url", stray);
        } else {
                if (cli_options_config(&config, options, NULL) < 0)
                        return EXIT_USAGE;
                r = server_here(ret, config, &error);
        }
        if (r == 0)
                return -1;
        complaint_print(options->verb.name, "%s", error.text);
        return r == -EINVAL ? EXIT_USAGE : EXIT_TROUBLE;
}

// --- asking ----------------------------------------------------------------------------------

int reach_ask(const struct running *running, const char *method, const char *target,
              json_t *body, json_t **ret, struct error *error) {
        CLEANUP(running_answer_deinit) struct running_answer answer = {0};
        CLEANUP(mem_freep) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
        int r;

        *ret = NULL;
        json_decref(body);
        r = running_ask(running, method, target, text, &answer, error);
        if (r < 0)
                return r;
        if (answer.status < 200 || answer.status > 299)
                return running_refused(&answer, error);
        if (answer.status == 204)
                return 0;
        *ret = json_loads(answer.body, 0, NULL);
        return *ret ? 0
                    : error_set(error, -EPROTO,
                                "what answers is no eavesdrop: its answer is no JSON");
}
