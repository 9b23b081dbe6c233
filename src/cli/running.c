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

// The service that packages install has it there.
#define SERVICE_SOCKET "/run/eavesdrop/eavesdrop.sock"

#define ANSWER_MAX      (16 << 20)  // bytes: 10,000 streams take 4 MB
#define CONNECT_SECONDS 10

struct running {
        char *base;           // "http://localhost", without a slash at its end
        char *socket;         // NULL: it is reached by TCP
        char *authorization;  // a header; NULL: none
        char *authority;      // a file; NULL: the system's
};

struct running *running_free(struct running *running) {
        if (!running)
                return NULL;
        free(running->base);
        free(running->socket);
        if (running->authorization)
                explicit_bzero(running->authorization, strlen(running->authorization));
        free(running->authorization);
        free(running->authority);
        return mem_free(running);
}

static struct running *running_new(const char *base) {
        struct running *running = xnew(struct running);

        running->base = xstrdup(base);
        return running;
}

// What is said of it in errors.
static const char *running_name(const struct running *running) {
        return running->socket ? running->socket : running->base;
}

// --- a request -------------------------------------------------------------------------------

static CURL *curl_free_easy(CURL *curl) {
        curl_easy_cleanup(curl);
        return NULL;
}

static struct curl_slist *curl_free_headers(struct curl_slist *headers) {
        curl_slist_free_all(headers);
        return NULL;
}

DEFINE_CLEANUP(CURL *, curl_free_easy);
DEFINE_CLEANUP(struct curl_slist *, curl_free_headers);

static size_t body_take(char *bytes, size_t size, size_t n, void *context) {
        FILE *body = context;

        return ftell(body) + (long)(size * n) > ANSWER_MAX ? 0 : fwrite(bytes, size, n, body);
}

static struct curl_slist *headers_new(const struct running *running, const char *body) {
        struct curl_slist *headers = NULL;

        if (running->authorization)
                headers = curl_slist_append(headers, running->authorization);
        if (body)
                headers = curl_slist_append(headers, "Content-Type: application/json");
        return headers;
}

// Where it goes: the socket, or the address, whose certificate is checked.
static void way_set(CURL *curl, const struct running *running) {
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
        if (running->socket) {
                curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, running->socket);
                curl_easy_setopt(curl, CURLOPT_PROXY, "");  // whatever the environment says
        }
        if (running->authority)
                curl_easy_setopt(curl, CURLOPT_CAINFO, running->authority);
}

static int request_send(CURL *curl, const struct running *running, FILE *body, long *ret_status,
                        struct error *error) {
        char trouble[CURL_ERROR_SIZE] = "";
        CURLcode code;

        way_set(curl, running);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "eavesdrop/" EAVESDROP_VERSION);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, trouble);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
        code = curl_easy_perform(curl);
        if (code != CURLE_OK)
                return error_set(error, -ECONNRESET, "the server at %s: %s",
                                 running_name(running),
                                 *trouble ? trouble : curl_easy_strerror(code));
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
        return 0;
}

int running_ask(const struct running *running, const char *method, const char *target,
                const char *body, struct running_answer *ret, struct error *error) {
        CLEANUP(mem_freep) char *url = xasprintf("%s%s", running->base, target);
        CLEANUP(curl_free_easyp) CURL *curl = curl_easy_init();
        CLEANUP(curl_free_headersp) struct curl_slist *headers = headers_new(running, body);
        size_t n = 0;
        FILE *answer;
        int r;

        *ret = (struct running_answer){0};
        answer = open_memstream(&ret->body, &n);
        if (!answer || !curl) {
                if (answer)
                        (void)fclose(answer);
                running_answer_deinit(ret);
                return error_set(error, -ENOMEM, "no memory for a request");
        }
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        if (body)
                curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
        r = request_send(curl, running, answer, &ret->status, error);
        (void)fclose(answer);  // which writes the zero
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
        CLEANUP(mem_freep) char *field = answer_text(answer, "field");
        const char *body = answer->body ? answer->body : "";
        const char *words = detail ? detail : body;

        return error_set(error, -EREMOTEIO, "the server answers %ld: %s%s%.*s", answer->status,
                         field ? field : "", field ? ": " : "", (int)strcspn(words, "\n"),
                         words);
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
        int r = running_ask(running, "GET", "/api/v1/server", NULL, &answer, error);

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
        CLEANUP(running_freep) struct running *running = running_new("http://localhost");
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
        const char *const elsewhere[] = {runtime, SERVICE_SOCKET};
        int r;

        *ret = NULL;
        *ret_other = NULL;
        r = socket_try(ret, state, folder, ret_other, error);
        // Whoever may not enter the folder may yet reach its server elsewhere.
        for (size_t i = 0; i < 2 && !*ret && (r == 0 || r == -EACCES); i++) {
                struct error denied = {0};
                int found = 0;

                if (elsewhere[i])
                        found = socket_try(ret, elsewhere[i], folder, ret_other,
                                           r ? &denied : error);
                if (r == 0 || *ret)
                        r = found;
        }
        return r;
}

// --- elsewhere -------------------------------------------------------------------------------

static bool url_is_good(const char *url) {
        static const char *const schemes[] = {"http://", "https://"};

        for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
                size_t n = strlen(schemes[i]);

                if (strncmp(url, schemes[i], n) == 0)
                        return url[n] && !strpbrk(url + n, "@?# \t\r\n");
        }
        return false;
}

int running_elsewhere(struct running **ret, const char *url, const char *token,
                      const char *authority, struct error *error) {
        struct running *running;
        size_t n = strlen(url);

        if (!url_is_good(url))
                return error_set(error, -EINVAL,
                                 "--url is an address such as https://cameras.example:9090, "
                                 "without a user, a query or a fragment");
        while (url[n - 1] == '/')
                n--;
        running = xnew(struct running);
        running->base = xasprintf("%.*s", (int)n, url);
        running->authority = xstrdup(authority);
        if (token)
                running->authorization = xasprintf("Authorization: Bearer %s", token);
        *ret = running;
        return 0;
}
