#include "sink/delivery.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "util/mem.h"
#include "util/redact.h"

struct delivery {
        struct loop *loop;
        void (*on_answer)(void *context, const struct delivery_answer *answer);
        void *context;
        const char *authority;
        CURLM *multi;
        CURL *easy;
        struct curl_slist *headers;
        struct loop_timer *timer;     // libcurl's
        struct loop_timer *deadline;  // ours: of the whole
        bool is_out;
        size_t n_answer;
        char words[CURL_ERROR_SIZE];
};

// A socket that libcurl wants watched.
struct delivery_socket {
        uv_poll_t poll;
        curl_socket_t fd;
        struct delivery *delivery;
};

// --- answers
// -----------------------------------------------------------------------------------

static void delivery_end(struct delivery *delivery) {
        curl_multi_remove_handle(delivery->multi, delivery->easy);
        curl_slist_free_all(delivery->headers);
        delivery->headers = NULL;
        loop_timer_cancel(delivery->deadline);
        delivery->is_out = false;
}

static void delivery_on_done(struct delivery *delivery, CURLcode code) {
        struct delivery_answer answer = {0};
        curl_off_t retry = 0;
        long status = 0;

        curl_easy_getinfo(delivery->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(delivery->easy, CURLINFO_RETRY_AFTER, &retry);
        // An answer that is longer than anybody wants is one all the same.
        if (code == CURLE_OK || delivery->n_answer > DELIVERY_ANSWER_MAX) {
                answer.status = (int)status;
                answer.retry =
                        retry > INT64_MAX / NSEC_PER_SEC ? INT64_MAX : retry * NSEC_PER_SEC;
        } else {
                snprintf(answer.trouble, sizeof(answer.trouble), "%s",
                         delivery->words[0] ? delivery->words : curl_easy_strerror(code));
        }
        delivery_end(delivery);
        delivery->on_answer(delivery->context, &answer);
}

static void delivery_on_deadline(void *context) {
        struct delivery *delivery = context;
        struct delivery_answer answer = {0};

        snprintf(answer.trouble, sizeof(answer.trouble), "no answer within %d s",
                 (int)(DELIVERY_TIMEOUT / NSEC_PER_SEC));
        delivery_end(delivery);
        delivery->on_answer(delivery->context, &answer);
}

// libcurl has done something: is it through?
static void delivery_look(struct delivery *delivery) {
        const CURLMsg *message;
        int n_left;

        while ((message = curl_multi_info_read(delivery->multi, &n_left)))
                if (message->msg == CURLMSG_DONE && delivery->is_out) {
                        delivery_on_done(delivery, message->data.result);
                        return;
                }
}

static size_t delivery_on_body(const char *bytes, size_t size, size_t n, void *context) {
        struct delivery *delivery = context;

        (void)bytes;
        delivery->n_answer += size * n;
        return delivery->n_answer > DELIVERY_ANSWER_MAX ? 0 : size * n;
}

// --- libcurl on the loop
// -----------------------------------------------------------------------

static void socket_on_ready(uv_poll_t *poll, int status, int events) {
        const struct delivery_socket *socket = poll->data;
        struct delivery *delivery = socket->delivery;
        int what = 0, n_running;

        if (status < 0)
                what = CURL_CSELECT_ERR;
        if (events & UV_READABLE)
                what |= CURL_CSELECT_IN;
        if (events & UV_WRITABLE)
                what |= CURL_CSELECT_OUT;
        curl_multi_socket_action(delivery->multi, socket->fd, what, &n_running);
        delivery_look(delivery);
}

static void socket_on_closed(uv_handle_t *handle) {
        free(handle->data);
}

static void socket_forget(struct delivery *delivery, struct delivery_socket *socket) {
        if (!socket)
                return;
        curl_multi_assign(delivery->multi, socket->fd, NULL);
        uv_poll_stop(&socket->poll);
        uv_close((uv_handle_t *)&socket->poll, socket_on_closed);
}

static struct delivery_socket *socket_watch(struct delivery *delivery, curl_socket_t fd) {
        struct delivery_socket *socket = xnew(struct delivery_socket);

        socket->delivery = delivery;
        socket->fd = fd;
        socket->poll.data = socket;
        if (uv_poll_init(loop_uv(delivery->loop), &socket->poll, fd) < 0) {
                free(socket);
                return NULL;
        }
        curl_multi_assign(delivery->multi, fd, socket);
        return socket;
}

static int delivery_on_socket(CURL *easy, curl_socket_t fd, int what, void *context,
                              void *assigned) {
        struct delivery_socket *socket = assigned;
        int events = 0;

        (void)easy;
        if (what == CURL_POLL_REMOVE) {
                socket_forget(context, socket);
                return 0;
        }
        if (!socket)
                socket = socket_watch(context, fd);
        if (!socket)
                return -1;
        if (what & CURL_POLL_IN)
                events |= UV_READABLE;
        if (what & CURL_POLL_OUT)
                events |= UV_WRITABLE;
        return uv_poll_start(&socket->poll, events, socket_on_ready) < 0 ? -1 : 0;
}

static void delivery_on_timer(void *context) {
        struct delivery *delivery = context;
        int n_running;

        curl_multi_socket_action(delivery->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
        delivery_look(delivery);
}

static int delivery_set_timer(CURLM *multi, long ms, void *context) {
        struct delivery *delivery = context;

        (void)multi;
        if (ms < 0)
                loop_timer_cancel(delivery->timer);
        else
                loop_timer_set(delivery->timer, ms * NSEC_PER_MSEC);
        return 0;
}

// --- life
// --------------------------------------------------------------------------------------

// Certificates that are trusted beside the system's.
static CURLcode delivery_trust(CURL *easy, void *ssl, void *context) {
        const struct delivery *delivery = context;

        (void)easy;
        if (SSL_CTX_load_verify_locations(ssl, delivery->authority, NULL) != 1)
                return CURLE_SSL_CACERT_BADFILE;
        return CURLE_OK;
}

static int authority_check(const char *authority, struct error *error) {
        SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());
        int r = 0;

        if (!ssl || SSL_CTX_load_verify_locations(ssl, authority, NULL) != 1)
                r = error_set(error, -EINVAL,
                              "authority: %s cannot be read, or has no certificate in PEM",
                              authority);
        SSL_CTX_free(ssl);
        return r;
}

int delivery_check(const char *url, struct error *error) {
        CURLU *parts = curl_url();
        CLEANUP(mem_freep) char *shown = redact_value(url);
        char *scheme = NULL;
        int r = 0;

        if (!parts || curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK)
                r = error_set(error, -EINVAL, "url: this is no address: %s", shown);
        else if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
                 (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
                r = error_set(error, -EINVAL, "url: it has to begin with http:// or https://");
        curl_free(scheme);
        curl_url_cleanup(parts);
        return r;
}

static void delivery_configure(struct delivery *delivery, const char *url) {
        CURL *easy = delivery->easy;

        curl_multi_setopt(delivery->multi, CURLMOPT_SOCKETFUNCTION, delivery_on_socket);
        curl_multi_setopt(delivery->multi, CURLMOPT_SOCKETDATA, delivery);
        curl_multi_setopt(delivery->multi, CURLMOPT_TIMERFUNCTION, delivery_set_timer);
        curl_multi_setopt(delivery->multi, CURLMOPT_TIMERDATA, delivery);
        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        // A name that is still looked up when it is given up must not be waited for.
        curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)DELIVERY_CONNECT_TIMEOUT);
        curl_easy_setopt(easy, CURLOPT_USERAGENT, "eavesdrop/" EAVESDROP_VERSION);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, delivery->words);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, delivery_on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, delivery);
        if (delivery->authority) {
                curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, delivery_trust);
                curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, delivery);
        }
}

int delivery_new(struct delivery **ret, struct loop *loop, const struct sink_config *config,
                 void (*on_answer)(void *context, const struct delivery_answer *answer),
                 void *context, struct error *error) {
        CLEANUP(delivery_freep) struct delivery *delivery = NULL;
        int r = delivery_check(config->url, error);

        if (r == 0 && config->authority)
                r = authority_check(config->authority, error);
        if (r < 0)
                return r;
        delivery = xnew(struct delivery);
        delivery->loop = loop;
        delivery->on_answer = on_answer;
        delivery->context = context;
        delivery->authority = config->authority;
        delivery->timer = loop_timer_new(loop, delivery_on_timer, delivery);
        delivery->deadline = loop_timer_new(loop, delivery_on_deadline, delivery);
        delivery->multi = curl_multi_init();
        delivery->easy = curl_easy_init();
        if (!delivery->multi || !delivery->easy)
                return error_set(error, -ENOMEM, "no memory for a connection");
        delivery_configure(delivery, config->url);
        *ret = TAKE(delivery);
        return 0;
}

struct delivery *delivery_free(struct delivery *delivery) {
        if (!delivery)
                return NULL;
        if (delivery->is_out)
                delivery_end(delivery);
        curl_easy_cleanup(delivery->easy);
        // Connections that were kept are closed, and no longer watched.
        curl_multi_cleanup(delivery->multi);
        loop_timer_free(delivery->timer);
        loop_timer_free(delivery->deadline);
        return mem_free(delivery);
}

void delivery_post(struct delivery *delivery, const char *const *headers, const char *body,
                   size_t n) {
        assert(!delivery->is_out);
        // A server that knows nothing of it would have to be waited for.
        delivery->headers = curl_slist_append(NULL, "Expect:");
        for (size_t i = 0; headers[i]; i++)
                delivery->headers = curl_slist_append(delivery->headers, headers[i]);
        delivery->n_answer = 0;
        delivery->words[0] = '\0';
        delivery->is_out = true;
        curl_easy_setopt(delivery->easy, CURLOPT_HTTPHEADER, delivery->headers);
        curl_easy_setopt(delivery->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
        curl_easy_setopt(delivery->easy, CURLOPT_POSTFIELDS, body);
        loop_timer_set(delivery->deadline, DELIVERY_TIMEOUT);
        curl_multi_add_handle(delivery->multi, delivery->easy);
}
