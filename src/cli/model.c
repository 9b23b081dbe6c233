// eavesdrop model: which models there are, fetching them, and what is in a file.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cli_options.h"
#include "config/config.h"
#include "models/models.h"
#include "util/complaint.h"
#include "util/mem.h"
#include "util/progress.h"
#include "whisper/whisper.h"

static const struct option_entry entries[] = {
        {0},
};

static const struct options_verb verb = {
        .name = "model",
        .operands = "list | fetch NAME... | info NAME|PATH",
        .about = "list   the models that can be fetched, and which are here\n"
                 "fetch  bring models here from the model hub; what is here and intact is not\n"
                 "       fetched again\n"
                 "info   format, size and languages of a model: a name, a CTranslate2 folder "
                 "or\n"
                 "       a ggml file\n"
                 "\n"
                 "Models are in $XDG_DATA_HOME/eavesdrop/models unless --model-dir or the\n"
                 "environment's EAVESDROP_MODEL_DIR says otherwise. EAVESDROP_HUB_URL is the\n"
                 "address of a mirror of the model hub.\n",
        .entries = entries,
};

static int usage_mistake(const char *words, const char *argument) {
        complaint_print_value("model", words, argument);
        fputs("Try: eavesdrop model --help\n", stderr);
        return EXIT_USAGE;
}

// "138.5 MiB", or plain bytes below a MiB.
static void size_format(int64_t bytes, char *ret, size_t n) {
        if (bytes >= 1 << 20)
                snprintf(ret, n, "%.1f MiB", (double)bytes / (1 << 20));
        else
                snprintf(ret, n, "%" PRId64 " bytes", bytes);
}

static int64_t entry_size(const struct model_entry *entry) {
        int64_t total = 0;

        for (size_t i = 0; i < entry->n_files; i++)
                total += entry->files[i].size;
        return total;
}

static int model_list(const char *folder) {
        size_t n;
        const struct model_entry *catalogue = models_catalogue(&n);

        for (size_t i = 0; i < n; i++) {
                char size[32];

                size_format(entry_size(&catalogue[i]), size, sizeof(size));
                printf("%-26s %12s  ", catalogue[i].name, size);
                if (models_is_present(&catalogue[i], folder))
                        printf("%s/%s\n", folder, catalogue[i].name);
                else
                        puts("-");
        }
        return EXIT_OK;
}

// One model's fetching on the terminal.
struct fetch_view {
        const char *model;
        struct progress *progress;
};

static void fetch_show(void *context, const char *file, int64_t done, int64_t total) {
        struct fetch_view *view = context;

        progress_show(view->progress, "%s/%s: %d %% of %.1f MiB", view->model, file,
                      (int)(done * 100 / total), (double)total / (1 << 20));
}

static int entry_fetch(const struct model_entry *entry, const char *folder) {
        CLEANUP(progress_freep) struct progress *progress = progress_new();
        struct fetch_view view = {entry->name, progress};
        bool is_terminal = isatty(STDERR_FILENO) == 1;
        struct error error;
        int r = models_fetch(entry, folder, is_terminal ? fetch_show : NULL, &view, &error);

        progress_clear(progress);
        if (r < 0) {
                fprintf(stderr, "eavesdrop model fetch: %s\n", error.text);
                return EXIT_TROUBLE;
        }
        printf("%s: here and intact in %s/%s\n", entry->name, folder, entry->name);
        return EXIT_OK;
}

// All names are checked before the first is fetched.
static int model_fetch(const char *folder, char **names, size_t n) {
        int code = EXIT_OK;

        for (size_t i = 0; i < n; i++)
                if (!models_find(names[i]))
                        return usage_mistake("no such model (see: eavesdrop model list): ",
                                             names[i]);
        for (size_t i = 0; i < n && code == EXIT_OK; i++)
                code = entry_fetch(models_find(names[i]), folder);
        return code;
}

// Bytes of the file, or of the model file in the folder.
static int64_t model_size(const char *path) {
        CLEANUP(mem_freep) char *inside = xasprintf("%s/model.bin", path);
        struct stat status;

        if (stat(inside, &status) < 0 && stat(path, &status) < 0)
                return 0;
        return status.st_size;
}

static int model_info(const char *folder, const char *name) {
        CLEANUP(mem_freep) char *path = NULL;
        struct whisper_info info;
        struct error error;
        char size[32];
        int n_languages;

        if (models_resolve(&path, name, folder, &error) < 0 ||
            whisper_inspect(&info, &n_languages, path, &error) < 0) {
                fprintf(stderr, "eavesdrop model info: %s\n", error.text);
                return EXIT_MODEL;
        }
        size_format(model_size(path), size, sizeof(size));
        printf("path        %s\n", path);
        printf("format      %s, %s\n", info.format, size);
        printf("parameters  %.1f million\n", (double)info.n_parameters / 1e6);
        if (info.is_multilingual)
                printf("languages   %d\n", n_languages);
        else
                puts("languages   English only");
        printf("vocabulary  %d tokens\n", info.n_vocabulary);
        printf("encoder     %d layers, %d wide, %d heads, %d mel bins, %d positions\n",
               info.n_audio_layers, info.n_audio_state, info.n_audio_heads, info.n_mels,
               info.n_audio_context);
        printf("decoder     %d layers, %d wide, %d heads, %d positions\n", info.n_text_layers,
               info.n_text_state, info.n_text_heads, info.n_text_context);
        return EXIT_OK;
}

static int action_run(const char *action, const char *folder, char **operands, size_t n) {
        if (strcmp(action, "list") == 0)
                return n ? usage_mistake("list takes no names: ", operands[0])
                         : model_list(folder);
        if (strcmp(action, "fetch") == 0)
                return n ? model_fetch(folder, operands, n)
                         : usage_mistake("fetch which models?", "");
        if (strcmp(action, "info") == 0)
                return n == 1 ? model_info(folder, operands[0])
                              : usage_mistake("info takes one name or path", "");
        return usage_mistake("expected list, fetch or info, not ", action);
}

int cli_model(int argc, char **argv) {
        CLEANUP(config_freep) struct config *config = NULL;
        CLEANUP(mem_freep) char *folder = NULL;
        struct cli_options options;
        int r = cli_options_parse(&options, &verb, SETTING_MODEL, argc, argv);

        if (r >= 0)
                return r;
        if (options.options.n_operands == 0)
                return usage_mistake("expected list, fetch or info", "");
        if (cli_options_config(&config, &options, NULL) < 0)
                return EXIT_USAGE;
        folder = config->model_dir ? xstrdup(config->model_dir) : models_default_folder();
        return action_run(options.options.operands[0], folder, options.options.operands + 1,
                          options.options.n_operands - 1);
}
