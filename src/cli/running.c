#include "cli/running.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "net/local_socket.h"
#include "util/mem.h"

#define ANSWER_MAX (1 << 20)  // bytes

struct running {
        char *socket;
};

struct running *running_free(struct running *running) {
        if (running)
                free(running->socket);
        return mem_free(running);
}

// --- a request -------------------------------------------------------------------------------

static CURL *curl_free_easy(CURL *curl) {
        curl_easy_cleanup(curl);
        return NULL;
}

DEFINE_CLEANUP(CURL *, curl_free_easy);

static size_t body_take(char *bytes, size_t size, size_t n, void *context) {
        FILE *body = context;

        return ftell(body) + (long)(size * n) > ANSWER_MAX ? 0 : fwrite(bytes, size, n, body);
}

static int request_send(const char *socket, const char *method, const char *url, FILE *body,
                        long *ret_status, struct error *error) {
        CLEANUP(curl_free_easyp) CURL *curl = curl_easy_init();
        char trouble[CURL_ERROR_SIZE] = "";
        CURLcode code;

        if (!curl)
                return error_set(error, -ENOMEM, "no memory for a request");
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");  // whatever the environment says
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "eavesdrop/" EAVESDROP_VERSION);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, trouble);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
        code = curl_easy_perform(curl);
        if (code != CURLE_OK)
                return error_set(error, -ECONNRESET, "the server at %s: %s", socket,
                                 *trouble ? trouble : curl_easy_strerror(code));
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
        return 0;
}

int running_ask(const struct running *running, const char *method, const char *target,
                struct running_answer *ret, struct error *error) {
        CLEANUP(mem_freep) char *url = xasprintf("http://localhost%s", target);
        size_t n = 0;
        FILE *body;
        int r;

        *ret = (struct running_answer){0};
        body = open_memstream(&ret->body, &n);
        if (!body)
                return error_set(error, -ENOMEM, "no memory for an answer");
        r = request_send(running->socket, method, url, body, &ret->status, error);
        (void)fclose(body);  // which writes the zero
        if (r < 0)
                running_answer_deinit(ret);
        return r;
}

void running_answer_deinit(struct running_answer *answer) {
        free(answer->body);
        *answer = (struct running_answer){0};
}

// A text of the answer's JSON object; NULL: there is none. The caller frees it.
static char *answer_text(const struct running_answer *answer, const char *key) {
        json_t *json = json_loads(answer->body ? answer->body : "", 0, NULL);
        char *text = xstrdup(json_string_value(json_object_get(json, key)));

        json_decref(json);
        return text;
}

int running_refused(const struct running_answer *answer, struct error *error) {
        CLEANUP(mem_freep) char *detail = answer_text(answer, "detail");
        const char *body = answer->body ? answer->body : "";
        const char *words = detail ? detail : body;

        return error_set(error, -EREMOTEIO, "the server answers %ld: %.*s", answer->status,
                         (int)strcspn(words, "\n"), words);
}

// --- which server ----------------------------------------------------------------------------

static bool folder_is(const char *one, const char *other) {
        struct stat first, second;

        if (stat(one, &first) < 0 || stat(other, &second) < 0)
                return strcmp(one, other) == 0;
        return first.st_ino == second.st_ino && first.st_dev == second.st_dev;
}

// The state folder of the server there, which the caller frees.
static int folder_ask(const struct running *running, char **ret, struct error *error) {
        struct running_answer answer;
        int r = running_ask(running, "GET", "/api/v1/server", &answer, error);

        if (r < 0)
                return r;
        if (answer.status != 200) {
                r = running_refused(&answer, error);
        } else {
                *ret = answer_text(&answer, "state_dir");
                if (!*ret)
                        r = error_set(error, -EPROTO, "what answers at %s is no eavesdrop",
                                      running->socket);
        }
        running_answer_deinit(&answer);
        return r;
}

// The server at that socket, if one answers and has that folder.
static int socket_try(struct running **ret, const char *socket, const char *folder,
                      char **ret_other, struct error *error) {
        CLEANUP(running_freep) struct running *running = xnew(struct running);
        CLEANUP(mem_freep) char *theirs = NULL;
        int r = local_socket_ask(socket);

        if (r == -EACCES || r == -EPERM)
                return error_set(error, r,
                                 "%s is for the server's own user, root and members of the "
                                 "group eavesdrop",
                                 socket);
        if (r < 0)
                return 0;
        running->socket = xstrdup(socket);
        r = folder_ask(running, &theirs, error);
        if (r < 0 || !theirs)
                return r;
        if (folder_is(theirs, folder)) {
                *ret = TAKE(running);
        } else if (!*ret_other) {
                *ret_other = TAKE(theirs);
        }
        return 0;
}

int running_find(struct running **ret, const struct config *config, char **ret_other,
                 struct error *error) {
        CLEANUP(mem_freep) char *folder = config_state_dir(config);
        CLEANUP(mem_freep) char *state = config_state_socket(config);
        CLEANUP(mem_freep) char *runtime = config_runtime_socket();
        int r;

        *ret = NULL;
        *ret_other = NULL;
        r = socket_try(ret, state, folder, ret_other, error);
        // Whoever may not enter the folder may yet reach its server elsewhere.
        if (runtime && (r == -EACCES || (r == 0 && !*ret))) {
                struct error denied = {0};
                int before = r;

                r = socket_try(ret, runtime, folder, ret_other, before ? &denied : error);
                if (before && !*ret)
                        r = before;
        }
        return r;
}
