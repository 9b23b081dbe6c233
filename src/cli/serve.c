// eavesdrop serve: everything is checked and loaded before the first stream starts.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "auth/tokens.h"
#include "cli/cli.h"
#include "cli/cli_options.h"
#include "cli/loaded.h"
#include "config/config.h"
#include "models/models.h"
#include "server/server.h"
#include "source/media_backend.h"
#include "util/input.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/notify.h"
#include "vad/silero.h"
#include "whisper/whisper.h"

// Bytes of the owner's token: those of one that was made are fewer.
#define OWNER_TOKEN_MAX 256

static const struct option_entry entries[] = {
        {"config", "FILE",
         "configuration file: streams and settings (docs/configuration.md); - is standard "
         "input",
         NULL, 'c'},
        {0},
};

static const struct options_verb verb = {
        .name = "serve",
        .about =
                "Listens to the streams of a configuration file and to WebSocket clients, and\n"
                "turns them into text. At the address that it listens on there is a page that\n"
                "shows it: http://localhost:9090/.\n\n"
                "Options go before the environment (EAVESDROP_LISTEN, ...), which goes before\n"
                "the file.\n",
        .entries = entries,
};

// --- running --------------------------------------------------------------------------------

struct run {
        struct loop *loop;
        struct server *server;
        const struct loaded *loaded;
        const char *words;  // what the service manager shows of us
        const struct cli_options *options;
        const char *path;    // of the configuration file; NULL: there is none
        unsigned n_reloads;  // that are under way
        bool is_stopping;
};

// The first signal asks to finish, the second does not ask.
static void run_on_signal(void *context) {
        struct run *run = context;

        if (run->is_stopping) {
                log_warning("server", "stop-now", "second signal: stopping at once");
                log_stop();
                _exit(EXIT_TROUBLE);  // the children die with us (util/process.h)
        }
        run->is_stopping = true;
        log_info("server", "stopping", "finishing the backlog; a second signal stops at once");
        notify_stopping("finishing the backlog");
        server_stop(run->server);
}

// The configuration or the token file changed, a file was renamed, a certificate renewed.
static void run_on_hangup(void *context) {
        struct run *run = context;

        if (run->is_stopping)
                return;
        log_info("server", "reopening",
                 "configuration, certificate and tokens are read again, and files of sinks "
                 "are opened anew");
        notify_reloading();
        run->n_reloads++;
        server_reload(run->server);
}

// The service manager is told when nothing more is being read: who waits for it may count on
// what the files say.
static void run_on_reloaded(void *context) {
        struct run *run = context;

        if (--run->n_reloads == 0 && !run->is_stopping)
                notify_ready(run->words);
}

static void run_on_stopped(void *context) {
        struct run *run = context;

        loop_stop(run->loop);
}

// Each client and each camera's child takes descriptors; the usual soft limit of 1024 would be
// the first wall that a growing set-up runs into.
static void descriptors_raise(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
                limit.rlim_cur = limit.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &limit);
        }
}

static int run_check_model(const void *context, const char *language, enum decode_task task,
                           struct error *error) {
        const struct run *run = context;

        return loaded_check_model(run->loaded, language, task, error);
}

static int run_load(const void *context, struct config **ret, char **ret_mistakes) {
        const struct run *run = context;

        return cli_options_load(ret, run->options, run->path, ret_mistakes);
}

// Why the configuration cannot be read again; NULL: it can.
static const char *unloadable(const char *path) {
        if (!path)
                return "the server was started without a configuration file (--config)";
        return input_descriptor(path) < 0
                       ? NULL
                       : "the configuration came from standard input or a descriptor, which "
                         "cannot be read again: start the server with --config FILE";
}

// The host by which a browser on this machine finds the port. Who listens on all addresses, or
// on loopback, is found by the name that browsers give a microphone without encryption.
static char *browser_host(const struct config *config) {
        static const char *const here[] = {"", "0.0.0.0", "[::]", "127.0.0.1", "[::1]"};
        const char *colon = strrchr(config->listen, ':');
        char *host = colon ? xasprintf("%.*s", (int)(colon - config->listen), config->listen)
                           : xstrdup("");

        for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++) {
                if (strcmp(host, here[i]) == 0) {
                        free(host);
                        return xstrdup("localhost");
                }
        }
        return host;
}

// Where the page is; the caller frees it.
static char *page_address(const struct run *run, const struct config *config) {
        CLEANUP(mem_freep) char *host = browser_host(config);

        return xasprintf("%s://%s:%d/", config->tls.certificate ? "https" : "http", host,
                         server_port(run->server));
}

// What is served, where; the caller frees it.
static char *ready_words(const struct run *run, const struct config *config) {
        const char *colon = strrchr(config->listen, ':');
        int length = colon ? (int)(colon - config->listen) : 0;
        CLEANUP(mem_freep) char *page = page_address(run, config);

        return xasprintf("%zu streams, the page at %s, clients at %s://%.*s:%d",
                         config->n_streams, page, config->tls.certificate ? "wss" : "ws",
                         length ? length : 9, length ? config->listen : "localhost",
                         server_port(run->server));
}

// The owner's token, which the caller wipes; NULL: there is none that can go into an address.
static char *owner_token(const char *path) {
        static const char letters[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
        char *token = NULL;
        size_t n;

        if (input_read(path, OWNER_TOKEN_MAX, 0, &token, &n) < 0)
                return NULL;
        token[strcspn(token, "\n")] = '\0';
        if (token[0] && strspn(token, letters) == strlen(token))
                return token;
        explicit_bzero(token, n);
        return mem_free(token);
}

// Whoever starts it by hand looks at the page, as the owner: the address has the token, which
// goes to this terminal alone, and never into a log.
static void owner_print(const struct run *run, const struct config *config) {
        CLEANUP(mem_freep) char *folder = NULL, *path = NULL, *page = NULL, *token = NULL;

        if (isatty(STDERR_FILENO) != 1)
                return;
        folder = config_state_dir(config);
        path = xasprintf("%s/" TOKENS_OWNER_FILE, folder);
        page = page_address(run, config);
        token = owner_token(path);
        fprintf(stderr, "\nLook at it:  %s%s%s\n", page, token ? "#token=" : "",
                token ? token : "");
        if (!token)
                return;
        fprintf(stderr,
                "             The token is the owner's, who may do everything: keep this "
                "address to yourself.\n"
                "By HTTP:     curl -H \"Authorization: Bearer $(cat '%s')\" "
                "%sapi/v1/status\n\n",
                path, page);
        explicit_bzero(token, strlen(token));
}

static void serve_until_stopped(struct run *run, const struct config *config) {
        struct loop_signal *terminate = loop_signal_new(run->loop, SIGTERM, run_on_signal, run);
        struct loop_signal *interrupt = loop_signal_new(run->loop, SIGINT, run_on_signal, run);
        struct loop_signal *hangup = loop_signal_new(run->loop, SIGHUP, run_on_hangup, run);
        CLEANUP(mem_freep) char *words = ready_words(run, config);
        struct notify *notify = notify_new(run->loop);

        run->words = words;
        log_info("server", "ready", "ready: %s", words);
        notify_ready(words);
        owner_print(run, config);
        loop_run(run->loop);

        notify_free(notify);
        loop_signal_free(terminate);
        loop_signal_free(interrupt);
        loop_signal_free(hangup);
}

static int serve_run(const struct config *config, const struct loaded *loaded,
                     const struct cli_options *options) {
        struct run run = {.loop = loop_new(),
                          .loaded = loaded,
                          .options = options,
                          .path = options_get(&options->options, "config")};
        struct server_parts parts = {
                .loop = run.loop,
                .config = config,
                .engine = &engine_whisper,
                .model = loaded->model,
                .n_engines = (unsigned)config->engines,
                .vad = loaded->vad,
                .check_model = run_check_model,
                .load = unloadable(run.path) ? NULL : run_load,
                .unloadable = unloadable(run.path),
                .on_reloaded = run_on_reloaded,
                .on_stopped = run_on_stopped,
                .context = &run,
        };
        struct error error;

        if (server_open(&run.server, &parts, &error) < 0) {
                log_error("server", "start-failed", "%s", error.text);
                loop_turn(run.loop);
                loop_free(run.loop);
                return EXIT_TROUBLE;
        }
        serve_until_stopped(&run, config);
        run.server = server_close(run.server);
        loop_free(run.loop);
        log_info("server", "stopped", "stopped");
        return EXIT_OK;
}

static int serve_configured(const struct config *config, const struct cli_options *options) {
        CLEANUP(loaded_close) struct loaded loaded = {0};
        struct error error;

        if (config->n_streams > 0 && media_backend_check(config->media, &error) < 0) {
                log_error("server", "start-failed", "%s", error.text);
                return EXIT_TROUBLE;
        }
        log_info("server", "loading", "loading model '%s'", config->model);
        notify_status("loading the model");
        if (loaded_open(&loaded, config, true, &error) < 0) {
                log_error("server", "model-failed", "%s", error.text);
                return EXIT_MODEL;
        }
        log_info("server", "loaded", "model '%s' in %s", config->model,
                 compute_names[whisper_model_compute(loaded.model)]);
        return serve_run(config, &loaded, options);
}

int cli_serve(int argc, char **argv) {
        CLEANUP(config_freep) struct config *config = NULL;
        struct cli_options options;
        int r = cli_options_parse(&options, &verb, SETTING_SERVE, argc, argv);

        if (r >= 0)
                return r;
        if (cli_options_config(&config, &options, options_get(&options.options, "config")) < 0)
                return EXIT_USAGE;
        log_configure(config->log_level, config->log_format);
        descriptors_raise();
        log_start();
        r = serve_configured(config, &options);
        log_stop();
        return r;
}
