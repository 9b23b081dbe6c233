// eavesdrop check: is the configuration good, before a server is stopped to read it?
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/cli_options.h"
#include "config/config.h"
#include "models/models.h"
#include "net/tls_identity.h"
#include "util/complaint.h"
#include "util/input.h"
#include "util/mem.h"

static const struct option_entry entries[] = {
        {"config", "FILE", "configuration file to check; - is standard input", NULL, 'c'},
        {0},
};

static const struct options_verb verb = {
        .name = "check",
        .about = "Tells all mistakes of a configuration file with their lines and columns.\n"
                 "Exit code 0: the file is good, 2: it is not.\n",
        .entries = entries,
};

// A missing model is no mistake of the file (it may be fetched later), but worth knowing.
static void model_check(const struct config *config, const char *path) {
        CLEANUP(mem_freep)
        char *folder = config->model_dir ? xstrdup(config->model_dir) : models_default_folder();
        CLEANUP(mem_freep) char *model = NULL;
        struct error error = {0};

        if (models_resolve(&model, config->model, folder, &error) < 0)
                complaint_print("check", "'%s': warning: %s", path, error.text);
}

// Like the model's, the certificate's file is not the configuration's; but with a broken one
// the server does not start.
static int certificate_check(const struct config *config, const char *path) {
        CLEANUP(tls_identity_freep) struct tls_identity *identity = NULL;
        struct error error;

        if (!config->tls.certificate ||
            tls_identity_load(&identity, config->tls.certificate, config->tls.key, time(NULL),
                              &error) == 0)
                return 0;
        complaint_print("check", "'%s': tls: %s", path, error.text);
        return -EINVAL;
}

int cli_check(int argc, char **argv) {
        CLEANUP(config_freep) struct config *config = NULL;
        struct cli_options options;
        const char *path;
        int r = cli_options_parse(&options, &verb, SETTING_CHECK, argc, argv);

        if (r >= 0)
                return r;
        path = options_get(&options.options, "config");
        if (!path) {
                fputs("eavesdrop check: --config FILE is missing\n", stderr);
                return EXIT_USAGE;
        }
        if (cli_options_config(&config, &options, path) < 0)
                return EXIT_USAGE;
        model_check(config, input_name(path));
        if (certificate_check(config, input_name(path)) < 0)
                return EXIT_USAGE;
        printf("%s: ok: %zu stream%s\n", input_name(path), config->n_streams,
               config->n_streams == 1 ? "" : "s");
        return EXIT_OK;
}
