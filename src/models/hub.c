// The hub: one file of a model over HTTPS.

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/files.h"
#include "util/mem.h"
#include "util/redact.h"

#define CONNECT_SECONDS   10L
#define LOW_SPEED_SECONDS 30L
#define LOW_SPEED_BYTES   1024L  // per second, for so long: the transfer is as good as dead
#define REDIRECTS_MAX     10L    // the hub sends large files through a chain of two or three

// One transfer, for curl's callbacks.
struct transfer {
        const struct model_file *file;
        const struct fetch_progress *progress;
        FILE *out;
        int64_t done;
        bool is_too_long;
        bool has_write_error;
};

static size_t transfer_write(char *bytes, size_t size, size_t n, void *context) {
        struct transfer *transfer = context;
        size_t length = size * n;

        if (transfer->done + (int64_t)length > transfer->file->size) {
                transfer->is_too_long = true;
                return 0;
        }
        if (fwrite(bytes, 1, length, transfer->out) != length) {
                transfer->has_write_error = true;
                return 0;
        }
        transfer->done += (int64_t)length;
        if (transfer->progress->function)
                transfer->progress->function(transfer->progress->context, transfer->file->name,
                                             transfer->done, transfer->file->size);
        return length;
}

static CURL *curl_free_easy(CURL *curl) {
        curl_easy_cleanup(curl);
        return NULL;
}

DEFINE_CLEANUP(CURL *, curl_free_easy);

static void curl_configure(CURL *curl, const char *url, struct transfer *transfer,
                           char *trouble) {
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
        // What was asked for safely must not be answered unsafely.
        curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
                         strncmp(url, "https:", 6) == 0 ? "https" : "https,http");
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
        curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, LOW_SPEED_SECONDS);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES);
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "eavesdrop/" EAVESDROP_VERSION);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, trouble);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, transfer_write);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
}

static int transfer_judge(const struct transfer *transfer, CURLcode code, const char *url,
                          const char *trouble, struct error *error) {
        if (transfer->is_too_long)
                return error_set(error, -EBADMSG, "%s is longer than %s has to be", url,
                                 transfer->file->name);
        if (transfer->has_write_error)
                return error_set(error, -EIO, "%s cannot be written: disk full?",
                                 transfer->file->name);
        if (code != CURLE_OK)
                return error_set(error, -ENETUNREACH, "%s: %s", url,
                                 *trouble ? trouble : curl_easy_strerror(code));
        return 0;
}

int models_download(const struct model_entry *entry, const struct model_file *file,
                    const char *path, const struct fetch_progress *progress,
                    struct error *error) {
        const char *host = getenv(HUB_URL_VARIABLE);  // NOLINT(concurrency-mt-unsafe): at start
        CLEANUP(mem_freep)
        char *url = xasprintf("%s/%s/%s", host && *host ? host : entry->host, entry->path,
                              file->name);
        // A mirror's address may carry a password.
        CLEANUP(mem_freep) char *shown = redact_urls(url);
        CLEANUP(curl_free_easyp) CURL *curl = NULL;
        char trouble[CURL_ERROR_SIZE] = "";
        struct transfer transfer = {.file = file, .progress = progress};
        CURLcode code;

        curl = curl_easy_init();
        if (!curl)
                return error_set(error, -ENOMEM, "no memory for a download");
        transfer.out = fopen(path, "wbe");
        if (!transfer.out)
                return error_set(error, -errno, "%s: %m", path);
        curl_configure(curl, url, &transfer, trouble);
        code = curl_easy_perform(curl);
        if (fclose(transfer.out) != 0)
                transfer.has_write_error = true;
        return transfer_judge(&transfer, code, shown, trouble, error);
}
