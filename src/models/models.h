#pragma once
// Models: which model files there are, where they live and how they get here.
//
// A model is named by a short name ("base", "tiny.en"), by the path of a CTranslate2 folder
// (faster-whisper) or by the path of a ggml .bin (whisper.cpp).
//
// Threads: main thread at start.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

// A file of a fetchable model.
struct model_file {
        const char *name;    // "model.bin"
        int64_t size;        // bytes
        const char *sha256;  // lower-case hex
};

// A model that `model fetch` knows.
struct model_entry {
        const char *name;  // "base"
        const char *host;  // "https://huggingface.co"
        const char *path;  // of its files there: repository and pinned revision
        const struct model_file *files;
        size_t n_files;
};

// The catalogue, and one entry by name (NULL if unknown). The voice-activity network is in it,
// as "silero-vad".
const struct model_entry *models_catalogue(size_t *ret_n);
const struct model_entry *models_find(const char *name);

// $XDG_DATA_HOME/eavesdrop/models, or ~/.local/share/...; the caller frees it. NULL when
// nothing says where ~ is (util/home.h): no model is present there then, and what needs one
// says so.
char *models_default_folder(void);

// Where the hub is looked for instead of where the catalogue says: the environment's scheme and
// host part of every address, for mirrors and tests ("http://127.0.0.1:8000").
#define MODELS_HUB_VARIABLE "EAVESDROP_HUB_URL"

// Called with bytes done and total of a file while fetching; may be NULL.
typedef void (*models_progress)(void *context, const char *file, int64_t done, int64_t total);

// Make sure that every file of the entry is in folder/NAME with the right checksum: nothing to
// do, or fetched from the hub (or from where MODELS_HUB_VARIABLE points). -ENETUNREACH, with
// what to do, when that does not answer. Files are written to a temporary name and renamed; a
// file with a wrong checksum is removed and -EBADMSG. Waits for another fetch of the same
// model.
int models_fetch(const struct model_entry *entry, const char *folder, models_progress progress,
                 void *context, struct error *error);

// True when every file is there with the right size.
bool models_is_present(const struct model_entry *entry, const char *folder);

// The path to load for a name or path as a user writes it: the folder of a CTranslate2 model,
// the file of a model that is one file; the caller frees it. -ENOENT with the remedy ("run:
// eavesdrop model fetch base").
int models_resolve(char **ret, const char *name_or_path, const char *folder,
                   struct error *error);

// The silero file in that folder, as models_resolve().
int models_resolve_vad(char **ret, const char *folder, struct error *error);
