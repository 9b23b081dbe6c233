// eavesdrop forget: what was said is removed for good, by the server that runs, or else here.
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "cli/cli.h"
#include "cli/cli_options.h"
#include "cli/running.h"
#include "cli/selection.h"
#include "journal/forget.h"
#include "util/mem.h"

static const struct option_entry entries[] = {
        {"stream", "NAME", "of this stream", NULL, 's'},
        {"all-streams", NULL, "of every stream and session", NULL, 0},
        {"since", "TIME",
         "what was said from then on: 2h (before now), 2026-11-30 or 2026-11-30T12:00, which "
         "is local time unless Z or an offset is behind it",
         NULL, 0},
        {"until", "TIME", "what was said before then, written as for --since [now]", NULL, 0},
        {"yes", NULL, "do not ask", NULL, 'y'},
        {0},
};

static const struct options_verb verb = {
        .name = "forget",
        .about =
                "Removes what was said from the journal for good: text, index and sound. The\n"
                "running server does it, if there is one, and tells its sinks; what they have\n"
                "been sent before is theirs. What overlaps an end goes whole.\n"
                "Names are names here, not globs.\n",
        .entries = entries,
};

struct forget_wish {
        struct forget_stretch stretch;
        const struct config *config;
        const char *folder;  // the state folder
};

// --- what is asked for -----------------------------------------------------------------------

static int usage_mistake(const char *words) {
        complaint_print(verb.name, "%s; try: eavesdrop forget --help", words);
        return EXIT_USAGE;
}

// -1 to go on, else the exit code.
static int stretch_read(const struct options *options, struct forget_stretch *ret) {
        struct timespec clock;
        size_t at = 0;
        int64_t now;
        int r;

        clock_gettime(CLOCK_REALTIME, &clock);
        now = (int64_t)clock.tv_sec * 1000 + clock.tv_nsec / 1000000;
        ret->stream = options_next(options, "stream", &at);
        if (ret->stream && options_next(options, "stream", &at))
                return usage_mistake("one --stream at a time");
        if (!ret->stream == !options_get(options, "all-streams"))
                return usage_mistake(ret->stream ? "--stream or --all-streams, not both"
                                                 : "of which stream? --stream NAME, or "
                                                   "--all-streams");
        if (ret->stream && !ret->stream[0])
                return usage_mistake("--stream has an empty name");
        if (!options_get(options, "since"))
                return usage_mistake("from when on? --since TIME; --since 1970-01-01Z is all "
                                     "there is");
        ret->until = now;
        if ((r = selection_time(options, "since", now, &ret->since)) >= 0 ||
            (r = selection_time(options, "until", now, &ret->until)) >= 0)
                return r;
        return ret->until > ret->since ? -1 : usage_mistake("--until is not after --since");
}

static void time_print(FILE *file, int64_t time) {
        time_t seconds = (time_t)(time / 1000);
        char text[40];
        struct tm local;

        localtime_r(&seconds, &local);
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &local);
        fputs(text, file);
}

// On a terminal: is it meant?
static bool wish_confirm(const struct forget_wish *wish, bool is_sure) {
        const struct forget_stretch *stretch = &wish->stretch;
        char answer[16] = "";

        if (is_sure || isatty(STDIN_FILENO) != 1)
                return true;
        fprintf(stderr, "Forget for good what was said in %s%s\nfrom ",
                stretch->stream ? "the stream " : "all streams",
                stretch->stream ? stretch->stream : "");
        time_print(stderr, stretch->since);
        fputs(" to ", stderr);
        time_print(stderr, stretch->until);
        fprintf(stderr, "\n(kept in %s)? [y/N] ", wish->folder);
        if (!fgets(answer, sizeof(answer), stdin))
                return false;
        return strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0;
}

static void removed_print(uint64_t n) {
        printf("%" PRIu64 " row%s removed\n", n, n == 1 ? "" : "s");
}

// --- by the server ---------------------------------------------------------------------------

static char *target_of(const struct forget_stretch *stretch) {
        // An empty name would be all streams' mark; there is none (stretch_read).
        char *name = stretch->stream ? curl_easy_escape(NULL, stretch->stream, 0) : NULL;
        char *target = xasprintf(
                "/api/v1/segments?from=%" PRId64 ".%03d&to=%" PRId64 ".%03d%s%s",
                stretch->since / 1000, (int)(stretch->since % 1000), stretch->until / 1000,
                (int)(stretch->until % 1000), name ? "&stream=" : "", name ? name : "");

        curl_free(name);
        return target;
}

static int answer_read(const struct running_answer *answer, struct error *error) {
        json_t *json, *removed;
        int r = 0;

        if (answer->status != 200)
                return running_refused(answer, error);
        json = json_loads(answer->body, 0, NULL);
        removed = json_object_get(json, "removed");
        if (json_is_integer(removed))
                removed_print((uint64_t)json_integer_value(removed));
        else
                r = error_set(error, -EPROTO, "the server's answer is none");
        json_decref(json);
        return r;
}

static int forget_by_server(const struct running *running, const struct forget_wish *wish,
                            struct error *error) {
        CLEANUP(mem_freep) char *target = target_of(&wish->stretch);
        CLEANUP(running_answer_deinit) struct running_answer answer = {0};
        int r = running_ask(running, "DELETE", target, NULL, &answer, error);

        return r < 0 ? r : answer_read(&answer, error);
}

// --- here ------------------------------------------------------------------------------------

struct forget_outcome {
        struct loop *loop;
        uint64_t n_rows;
        char *trouble;
};

static void forget_on_done(void *context, uint64_t n_rows, const char *trouble) {
        struct forget_outcome *outcome = context;

        outcome->n_rows = n_rows;
        outcome->trouble = xstrdup(trouble);
        loop_stop(outcome->loop);
}

// Root acts as the folder's owner: what it made there would be no server's to write.
static int owner_become(const char *folder, struct error *error) {
        struct stat there;

        if (geteuid() != 0 || stat(folder, &there) < 0 || there.st_uid == 0)
                return 0;
        if (setgroups(0, NULL) < 0 || setgid(there.st_gid) < 0 || setuid(there.st_uid) < 0)
                return error_set(error, -errno, "cannot act as the owner of %s: %m", folder);
        return 0;
}

static int forget_here(const struct forget_wish *wish, struct error *error) {
        CLEANUP(loop_freep) struct loop *loop = loop_new();
        struct forget_place place = {.loop = loop, .folder = wish->folder};
        struct forget_outcome outcome = {.loop = loop};
        struct forget *forget = NULL;
        int r = owner_become(wish->folder, error);

        if (r == 0)
                r = forget_begin(&forget, &place, &wish->stretch, forget_on_done, &outcome,
                                 error);
        if (r < 0)
                return r;
        loop_run(loop);
        forget_free(forget);
        if (outcome.trouble && outcome.trouble[0])
                r = error_set(error, -EIO, "%s", outcome.trouble);
        else
                removed_print(outcome.n_rows);
        free(outcome.trouble);
        return r;
}

// --- the verb --------------------------------------------------------------------------------

static int wish_do(const struct forget_wish *wish, struct error *error) {
        CLEANUP(running_freep) struct running *running = NULL;
        CLEANUP(mem_freep) char *other = NULL;
        int r = running_find(&running, wish->config, &other, error);

        if (r < 0)
                return r;
        if (running)
                return forget_by_server(running, wish, error);
        r = forget_here(wish, error);
        if (r == -ENOENT && other)
                return error_set(error, r,
                                 "nothing is kept in %s; the server that runs here has "
                                 "--state-dir %s",
                                 wish->folder, other);
        return r;
}

int cli_forget(int argc, char **argv) {
        CLEANUP(config_freep) struct config *config = NULL;
        CLEANUP(mem_freep) char *folder = NULL;
        struct forget_wish wish = {0};
        struct cli_options options;
        struct error error;
        int r = cli_options_parse(&options, &verb, SETTING_READ, argc, argv);

        if (r < 0)
                r = stretch_read(&options.options, &wish.stretch);
        if (r >= 0)
                return r;
        if (cli_options_config(&config, &options, NULL) < 0)
                return EXIT_USAGE;
        wish.config = config;
        folder = config_state_dir(config);
        wish.folder = folder;
        if (!wish_confirm(&wish, options_get(&options.options, "yes") != NULL)) {
                complaint_print(verb.name, "nothing was removed");
                return EXIT_TROUBLE;
        }
        if (wish_do(&wish, &error) == 0)
                return EXIT_OK;
        complaint_print(verb.name, "%s", error.text);
        return EXIT_TROUBLE;
}
