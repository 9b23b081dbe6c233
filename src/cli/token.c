// eavesdrop token: tokens are made, listed and revoked, and a server that runs is told.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth/token.h"
#include "auth/token_file.h"
#include "cli/cli.h"
#include "cli/cli_options.h"
#include "cli/running.h"
#include "util/date.h"
#include "util/mem.h"
#include "util/number.h"

static const struct option_entry entries[] = {
        {"config", "FILE", "configuration file of the server, which may name the token file",
         NULL, 'c'},
        {"scope", "SCOPE,...", "what the new token is for: read, listen, manage", NULL, 's'},
        {"stream", "NAME|GLOB", "stream that it may read; may be given several times [all]",
         NULL, 0},
        {"expires", "TIME", "when it ends: 30d (from now) or a date [never]", NULL, 0},
        {"chosen", NULL, "read the token from standard input instead of making one", NULL, 0},
        {0},
};

static const struct options_verb verb = {
        .name = "token",
        .operands = "new NAME | list | revoke NAME",
        .about = "new     make a token, and print it: it is shown this once\n"
                 "list    names, scopes, streams and ends of all tokens\n"
                 "revoke  take one back; sessions that have it are ended\n"
                 "\n"
                 "Tokens are kept as hashes in a file that nobody but its owner may read. A "
                 "server\n"
                 "that runs is told of a change by its unix socket.\n",
        .entries = entries,
};

static int usage_mistake(const char *words) {
        complaint_print(verb.name, "%s; try: eavesdrop token --help", words);
        return EXIT_USAGE;
}

static int trouble_tell(const struct error *error) {
        complaint_print(verb.name, "%s", error->text);
        return EXIT_TROUBLE;
}

// --- a running server ------------------------------------------------------------------------

static int server_tell(const struct config *config, struct error *error) {
        CLEANUP(running_freep) struct running *running = NULL;
        CLEANUP(running_answer_deinit) struct running_answer answer = {0};
        CLEANUP(mem_freep) char *other = NULL;
        int r = running_find(&running, config, &other, error);

        if (r < 0 || !running)
                return r;
        r = running_ask(running, "POST", "/api/v1/tokens/reload", NULL, &answer, error);
        if (r == 0 && answer.status != 204)
                r = running_refused(&answer, error);
        return r;
}

// The file is changed whether or not the server could be told.
static int change_tell(const struct config *config) {
        struct error error = {0};

        if (server_tell(config, &error) == 0)
                return EXIT_OK;
        complaint_print(
                verb.name,
                "the token file is changed, and the server that runs was not told (%s); "
                "send it SIGHUP, or restart it",
                error.text);
        return EXIT_TROUBLE;
}

// --- new -------------------------------------------------------------------------------------

// The date of a time from now, or the date that is given; the caller frees it. NULL: neither.
static char *expires_read(const char *text) {
        struct tm utc;
        double seconds;
        time_t end;
        char date[32];

        if (!seconds_read(text, &seconds))
                return token_expires_is_good(text) ? xstrdup(text) : NULL;
        if (seconds < 1 || seconds > 1000 * 365 * 86400.0)
                return NULL;
        end = time(NULL) + (time_t)seconds;
        gmtime_r(&end, &utc);
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &utc);
        return xstrdup(date);
}

// All values of an option, with blanks between, where commas may be as well; NULL: none.
static char *words_join(const struct options *options, const char *name) {
        CLEANUP(mem_freep) char *all = NULL;
        const char *value;
        size_t at = 0;

        while ((value = options_next(options, name, &at))) {
                CLEANUP(mem_freep) char *before = TAKE(all);

                all = before ? xasprintf("%s %s", before, value) : xstrdup(value);
        }
        for (char *comma = all; comma && (comma = strchr(comma, ','));)
                *comma = ' ';
        return TAKE(all);
}

static int wish_read(struct token_text *ret, const struct options *options) {
        const char *expires = options_get(options, "expires");

        ret->name = xstrdup(options->operands[1]);
        ret->scopes = words_join(options, "scope");
        ret->streams = words_join(options, "stream");
        if (!ret->scopes)
                return usage_mistake("what is it for? --scope read, listen or manage, or "
                                     "several with commas between");
        if (expires && !(ret->expires = expires_read(expires)))
                return usage_mistake("--expires is neither a time such as 30d nor a date such "
                                     "as 2026-12-31");
        return -1;
}

static char *chosen_read(struct error *error) {
        char line[TOKEN_MOST + 3] = "";

        if (!fgets(line, sizeof(line), stdin)) {
                error_set(error, -EINVAL, "no token came from standard input");
                return NULL;
        }
        line[strcspn(line, "\r\n")] = '\0';
        return token_secret_check(line, error) < 0 ? NULL : xstrdup(line);
}

static int list_add(void *context, struct token_list *list, struct error *error) {
        struct token_text *wish = context;

        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i].name, wish->name) == 0)
                        return error_set(error, -EEXIST,
                                         "there is a token '%s' already; revoke it first, or "
                                         "give this one another name",
                                         wish->name);
        if (list->n == TOKENS_MAX)
                return error_set(error, -E2BIG, "there are %d tokens, which is the limit",
                                 TOKENS_MAX);
        list->items = xrealloc_array(list->items, list->n + 1, sizeof(*list->items));
        list->items[list->n++] = *wish;
        *wish = (struct token_text){0};
        return 0;
}

static int token_new(const struct config *config, const struct options *options) {
        CLEANUP(mem_freep) char *file = config_token_file(config);
        CLEANUP(token_text_deinit) struct token_text wish = {0};
        CLEANUP(token_deinit) struct token token = {0};
        CLEANUP(mem_freep) char *secret = NULL;
        struct error error = {0};
        int r = wish_read(&wish, options);

        if (r >= 0)
                return r;
        secret = options_get(options, "chosen") ? chosen_read(&error) : token_secret_new();
        if (!secret)
                return trouble_tell(&error);
        wish.hash = token_hash_text(secret);
        if (token_read(&token, &wish, &error) < 0)
                return usage_mistake(error.text);
        if (token_file_change(file, list_add, &wish, &error) < 0)
                return trouble_tell(&error);
        if (!options_get(options, "chosen"))
                puts(secret);
        return change_tell(config);
}

// --- list and revoke -------------------------------------------------------------------------

static int token_list(const struct config *config) {
        CLEANUP(mem_freep) char *file = config_token_file(config);
        CLEANUP(token_list_deinit) struct token_list list = {0};
        struct error error = {0};
        int r = token_file_read(&list, file, &error);

        if (r < 0 && r != -ENOENT)
                return trouble_tell(&error);
        printf("%-24s %-20s %-24s %s\n", "NAME", "SCOPES", "STREAMS", "EXPIRES");
        for (size_t i = 0; i < config->auth.n_tokens + list.n; i++) {
                const struct token_text *text =
                        i < config->auth.n_tokens ? &config->auth.tokens[i]
                                                  : &list.items[i - config->auth.n_tokens];

                printf("%-24s %-20s %-24s %s\n", text->name, text->scopes,
                       text->streams ? text->streams : "all",
                       text->expires ? text->expires : "never");
        }
        return EXIT_OK;
}

static int list_remove(void *context, struct token_list *list, struct error *error) {
        const char *name = context;

        for (size_t i = 0; i < list->n; i++) {
                if (strcmp(list->items[i].name, name) != 0)
                        continue;
                token_text_deinit(&list->items[i]);
                memmove(&list->items[i], &list->items[i + 1],
                        (list->n - i - 1) * sizeof(*list->items));
                list->n--;
                return 0;
        }
        return error_set(error, -ENOENT,
                         "there is no token '%s' in the token file (eavesdrop token list); one "
                         "of the configuration is taken out there",
                         name);
}

static int token_revoke(const struct config *config, char *name) {
        CLEANUP(mem_freep) char *file = config_token_file(config);
        struct error error = {0};

        if (token_file_change(file, list_remove, name, &error) < 0)
                return trouble_tell(&error);
        return change_tell(config);
}

// --- the verb --------------------------------------------------------------------------------

int cli_token(int argc, char **argv) {
        CLEANUP(config_freep) struct config *config = NULL;
        struct cli_options options;
        const struct options *given = &options.options;
        int r = cli_options_parse(&options, &verb, SETTING_KEYS, argc, argv);
        const char *what;

        if (r >= 0)
                return r;
        what = given->n_operands > 0 ? given->operands[0] : "";
        if (cli_options_config(&config, &options, options_get(given, "config")) < 0)
                return EXIT_USAGE;
        if (strcmp(what, "list") == 0 && given->n_operands == 1)
                return token_list(config);
        if (strcmp(what, "new") == 0 && given->n_operands == 2)
                return token_new(config, given);
        if (strcmp(what, "revoke") == 0 && given->n_operands == 2)
                return token_revoke(config, given->operands[1]);
        return usage_mistake("expected new NAME, list, or revoke NAME");
}
