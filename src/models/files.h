#pragma once
// Model files, inside: bringing them here, bit for bit. Private to models/ and its test.
//
// Threads: main thread.

#include <stdint.h>

#include "models/models.h"
#include "util/error.h"

// Where the hub is looked for instead of where the catalogue says: the scheme and host part of
// every address, for mirrors and tests ("http://127.0.0.1:8000").
#define HUB_URL_VARIABLE "EAVESDROP_HUB_URL"

// Whom to tell about bytes that arrive.
struct fetch_progress {
        models_progress function;  // may be NULL
        void *context;
};

// Download one file of the entry from the hub to `path`. -ENETUNREACH when the hub did not
// answer as it should (out of reach, refused, 404 and the like), -EBADMSG when it sent more
// bytes than the file has, other codes for trouble with writing here.
int models_download(const struct model_entry *entry, const struct model_file *file,
                    const char *path, const struct fetch_progress *progress,
                    struct error *error);

// 0 when there is a folder; -ENOENT with what to do for NULL.
int models_require_folder(const char *folder, struct error *error);

// 0 when the file at `path` has the size and the checksum of the catalogue, -ENOENT when there
// is none, -EBADMSG with both sums in words when it is not the file.
int models_verify_file(const char *path, const struct model_file *file, struct error *error);
