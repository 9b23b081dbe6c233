#include "server/guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/principal.h"
#include "auth/token_file.h"
#include "dialect/dialects.h"
#include "util/log.h"
#include "util/mem.h"

struct guard {
        struct loop *loop;
        const struct config *config;
        char *token_file, *owner_file;
        struct tokens *tokens;
        struct tickets *tickets;
        struct visitors *visitors;
};

// --- what the configuration says -------------------------------------------------------------

// The word's end.
static size_t word_length(const char *words) {
        return strcspn(words, " ");
}

static bool is_named(const char *name, const char *word, size_t n) {
        return strlen(name) == n && memcmp(name, word, n) == 0;
}

static bool dialect_is_known(const char *word, size_t n) {
        bool is_known = is_named(PRINCIPAL_API, word, n);
        const char *name;

        for (size_t i = 0; (name = dialects_name(i)); i++)
                is_known |= is_named(name, word, n);
        return is_known;
}

static char *dialects_list(void) {
        char *list = xstrdup(PRINCIPAL_API);
        const char *name;

        for (size_t i = 0; (name = dialects_name(i)); i++) {
                CLEANUP(mem_freep) char *before = list;

                list = xasprintf("%s, %s", before, name);
        }
        return list;
}

static int dialects_check(const char *words, struct error *error) {
        CLEANUP(mem_freep) char *known = dialects_list();

        for (; words && *words; words += strspn(words, " ")) {
                size_t n = word_length(words);

                if (!dialect_is_known(words, n))
                        return error_set(error, -EINVAL,
                                         "auth.anonymous.dialects: there is no dialect %.*s; "
                                         "there are %s",
                                         (int)n, words, known);
                words += n;
        }
        return 0;
}

static unsigned scopes_of(const char *words) {
        unsigned scopes = 0;

        for (; words && *words; words += strspn(words, " ")) {
                size_t n = word_length(words);

                scopes |= strncmp(words, "read", n) == 0 ? SCOPE_READ : SCOPE_LISTEN;
                words += n;
        }
        return scopes;
}

// --- an address that others reach ------------------------------------------------------------

// Whoever is let in by address alone may speak the one dialect that is spoken there.
static int anonymous_check(const struct config *config, const struct guard_address *place,
                           struct error *error) {
        const struct principal anonymous = {.dialects = config->auth.dialects};

        if (!place->dialect || principal_may_speak(&anonymous, place->dialect))
                return 0;
        return error_set(error, -EACCES,
                         "%s: its clients can send no token, and auth.anonymous.dialects has "
                         "not %s: nobody would be let in at %s; name it there, or leave the "
                         "listener out",
                         place->setting, place->dialect, place->address);
}

int guard_check_address(const struct guard *guard, const struct guard_address *place,
                        bool is_loopback, struct error *error) {
        const struct config *config = guard->config;

        if (is_loopback)
                return 0;
        if (config->auth.mode == AUTH_NONE) {
                log_warning("server", "open-to-others",
                            "listening on %s with auth: none: whoever reaches it can read "
                            "every stream and have sound decoded, without a password; keep it "
                            "behind a firewall, or make tokens (eavesdrop token new) and leave "
                            "auth: none out",
                            place->address);
                return 0;
        }
        if (!place->has_tokens && config->auth.from)
                return anonymous_check(config, place, error);
        if (place->has_tokens && tokens_are_set(guard->tokens))
                return 0;
        if (!place->has_tokens)
                return error_set(
                        error, -EACCES,
                        "%s: %s is reached by others, and its clients can send no token: list "
                        "the networks that they come from under auth.anonymous.from, or listen "
                        "on 127.0.0.1, or say auth: none in the configuration "
                        "(EAVESDROP_AUTH_MODE=none), which lets everybody in",
                        place->setting, place->address);
        return error_set(error, -EACCES,
                         "%s: %s is reached by others, and there are no tokens: make one "
                         "with \"eavesdrop token new NAME --scope listen\", or listen on "
                         "127.0.0.1, or say auth: none in the configuration "
                         "(EAVESDROP_AUTH_MODE=none), which lets everybody in",
                         place->setting, place->address);
}

// --- while it runs ---------------------------------------------------------------------------

void guard_patrol(const struct guard *guard, const struct hub *hub) {
        int64_t now = (int64_t)(loop_wall(guard->loop) / (NSEC_PER_SEC / 1000));
        struct hub_session *next;

        tickets_patrol(guard->tickets, now);
        for (struct hub_session *session = hub_first_session(hub); session; session = next) {
                next = hub_next_session(session);
                if (principal_is_over(session->principal, now))
                        session->ops->dismiss(session, "the token has expired or was revoked");
        }
}

struct visitors *guard_visitors(const struct guard *guard) {
        return guard->visitors;
}

struct tokens *guard_tokens(const struct guard *guard) {
        return guard->tokens;
}

struct tickets *guard_tickets(const struct guard *guard) {
        return guard->tickets;
}

// --- life ------------------------------------------------------------------------------------

struct guard *guard_close(struct guard *guard) {
        if (!guard)
                return NULL;
        visitors_free(guard->visitors);
        tickets_free(guard->tickets);
        tokens_close(guard->tokens);
        free(guard->token_file);
        free(guard->owner_file);
        return mem_free(guard);
}

DEFINE_CLEANUP(struct guard *, guard_close);

// Where the configuration has its tokens.
static struct tokens_place place_of(const struct guard *guard, const struct config *config) {
        return (struct tokens_place){.listed = config->auth.tokens,
                                     .n_listed = config->auth.n_tokens,
                                     .file = guard->token_file,
                                     .owner = guard->owner_file};
}

int guard_take_tokens(struct guard *guard, const struct config *config, struct error *error) {
        char *before = guard->token_file;  // which the tokens have until they move
        struct tokens_place place;
        int r;

        guard->token_file = config_token_file(config);
        place = place_of(guard, config);
        r = tokens_move(guard->tokens, &place, error);
        free(before);
        return r;
}

int guard_open(struct guard **ret, struct loop *loop, const struct config *config,
               struct error *error) {
        CLEANUP(guard_closep) struct guard *guard = xnew(struct guard);
        CLEANUP(mem_freep) char *folder = config_state_dir(config);
        struct tokens_place place;
        struct visitors_rules rules = {
                .loop = loop,
                .is_open = config->auth.mode == AUTH_NONE,
                .origins = config->origins,
                .hosts = config->hosts,
                .proxies = config->proxies,
                .anonymous_from = config->auth.from,
                .anonymous_dialects = config->auth.dialects,
                .anonymous_scopes = scopes_of(config->auth.scopes),
                .connections_max = (size_t)config->token_connections,
                .key_of = dialects_key,
        };
        int r = dialects_check(config->auth.dialects, error);

        guard->loop = loop;
        guard->config = config;
        guard->token_file = config_token_file(config);
        guard->owner_file = xasprintf("%s/" TOKENS_OWNER_FILE, folder);
        place = place_of(guard, config);
        if (r == 0)
                r = tokens_open(&guard->tokens, &place, error);
        if (r < 0)
                return r;
        rules.tokens = guard->tokens;
        rules.tickets = guard->tickets = tickets_new();
        guard->visitors = visitors_new(&rules);
        *ret = TAKE(guard);
        return 0;
}
