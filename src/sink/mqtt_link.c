#include "sink/mqtt_link.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "util/array.h"
#include "util/mem.h"
#include "util/thread.h"

#define KEEP_ALIVE 30                  // seconds after which a silent broker is asked
#define CARE       (5 * NSEC_PER_SEC)  // how often the library looks whether it is time
#define BUSY       16                  // messages without an answer

#define MESSAGE_MAX ((size_t)65536)  // bytes of a message that comes; no more is for us
#define PACKET_MAX  131072           // and of all around it: a broker sends us none larger
#define TROUBLE_MAX 256

// The library's object and what its callbacks write to. While it connects it is its thread's,
// before and after the loop's.
struct wire {
        struct mosquitto *mosquitto;
        struct mqtt_link *link;  // loop thread only; NULL: nobody waits for it any more
        struct loop *loop;
        char *host;
        int port;
        int code, error_number;       // how connecting ended
        char complaint[TROUBLE_MAX];  // the library's last words about an error
        pthread_mutex_t lock;         // of what follows
        bool is_left;                 // the link is gone
};

// What the library calls back with waits here until its function has returned, so that whoever
// hears of it may do anything with the link.
enum link_event_kind { LINK_UP, LINK_ACK, LINK_MESSAGE };
struct link_event {
        enum link_event_kind kind;
        int id, reason;
        char *topic, *payload;
        bool is_retained;
};

struct mqtt_link {
        struct loop *loop;
        struct mqtt_link_listener listener;
        struct wire *wire;
        uv_poll_t poll;
        struct loop_timer *patience, *care;
        struct link_event *events;
        size_t n_events, events_capacity, n_delivered;
        int refusal;  // why the broker did not let us in, or ended it; 0: it said nothing
        int failure;  // of the library's functions, found while publishing; 0: none
        size_t n_unanswered;
        bool has_arrived;  // the wire is the loop's again
        bool has_socket;   // `poll` is open
        bool is_up, is_delivering, is_down, is_closed;
};

// --- the library's callbacks ----------------------------------------------------------------

static struct link_event *event_add(struct mqtt_link *link, enum link_event_kind kind) {
        struct link_event *event;

        link->events = array_grow(link->events, link->n_events, &link->events_capacity,
                                  sizeof(*link->events));
        event = &link->events[link->n_events++];
        *event = (struct link_event){.kind = kind};
        return event;
}

static void wire_on_connect(struct mosquitto *mosquitto, void *context, int reason, int flags,
                            const mosquitto_property *properties) {
        struct wire *wire = context;

        (void)mosquitto, (void)flags, (void)properties;
        if (reason == 0)
                event_add(wire->link, LINK_UP);
        else
                wire->link->refusal = reason;
}

static void wire_on_disconnect(struct mosquitto *mosquitto, void *context, int reason,
                               const mosquitto_property *properties) {
        struct wire *wire = context;

        (void)mosquitto, (void)properties;
        // Below are the library's own numbers, which its functions return as well.
        if (reason >= MQTT_RC_UNSPECIFIED && !wire->link->refusal)
                wire->link->refusal = reason;
}

static void wire_on_publish(struct mosquitto *mosquitto, void *context, int id, int reason,
                            const mosquitto_property *properties) {
        struct link_event *event = event_add(((struct wire *)context)->link, LINK_ACK);

        (void)mosquitto, (void)properties;
        event->id = id;
        event->reason = reason;
}

static void wire_on_message(struct mosquitto *mosquitto, void *context,
                            const struct mosquitto_message *message,
                            const mosquitto_property *properties) {
        struct link_event *event;
        size_t n = message->payloadlen > 0 ? (size_t)message->payloadlen : 0;

        (void)mosquitto, (void)properties;
        if (n > MESSAGE_MAX)
                return;
        event = event_add(((struct wire *)context)->link, LINK_MESSAGE);
        event->topic = xstrdup(message->topic);
        event->payload = xcalloc(n + 1, 1);
        if (n)
                memcpy(event->payload, message->payload, n);
        event->is_retained = message->retain;
}

static void wire_on_log(struct mosquitto *mosquitto, void *context, int level,
                        const char *line) {
        struct wire *wire = context;
        static const char prefix[] = "Error: ";

        (void)mosquitto;
        if (level != MOSQ_LOG_ERR)
                return;
        if (strncmp(line, prefix, sizeof(prefix) - 1) == 0)
                line += sizeof(prefix) - 1;
        snprintf(wire->complaint, sizeof(wire->complaint), "%s", line);
}

// --- connecting -----------------------------------------------------------------------------

static void wire_free(struct wire *wire) {
        mosquitto_destroy(wire->mosquitto);
        pthread_mutex_destroy(&wire->lock);
        free(wire->host);
        free(wire);
}

static void link_on_connected(struct mqtt_link *link);

static void wire_on_connected(void *context) {
        struct wire *wire = context;

        // Its thread has let go of it.
        pthread_mutex_lock(&wire->lock);
        pthread_mutex_unlock(&wire->lock);
        if (wire->link)
                link_on_connected(wire->link);
        else
                wire_free(wire);
}

static void *wire_connect(void *context) {
        struct wire *wire = context;
        mosquitto_property *properties = NULL;
        bool is_left;

        if (mosquitto_property_add_int32(&properties, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                         PACKET_MAX) != MOSQ_ERR_SUCCESS)
                abort();  // out of memory
        errno = 0;
        wire->code = mosquitto_connect_bind_v5(wire->mosquitto, wire->host, wire->port,
                                               KEEP_ALIVE, NULL, properties);
        wire->error_number = errno;
        mosquitto_property_free_all(&properties);
        pthread_mutex_lock(&wire->lock);
        is_left = wire->is_left;
        // Under the lock: the loop is there as long as the wire is not left.
        if (!is_left)
                loop_post(wire->loop, wire_on_connected, wire);
        pthread_mutex_unlock(&wire->lock);
        if (is_left)
                wire_free(wire);
        return NULL;
}

// Nobody waits for it any more. Its thread frees it, or its post if that is on its way.
static void wire_leave(struct wire *wire) {
        wire->link = NULL;
        pthread_mutex_lock(&wire->lock);
        wire->is_left = true;
        pthread_mutex_unlock(&wire->lock);
}

static int wire_set_tls(struct wire *wire, const char *authority, struct error *error) {
        int code = mosquitto_int_option(wire->mosquitto, MOSQ_OPT_TLS_USE_OS_CERTS, 1);

        if (code == MOSQ_ERR_SUCCESS && authority) {
                if (access(authority, R_OK) < 0)
                        return error_set(error, -errno, "authority: %s: %s", authority,
                                         strerrordesc_np(errno));
                code = mosquitto_tls_set(wire->mosquitto, authority, NULL, NULL, NULL, NULL);
        }
        if (code != MOSQ_ERR_SUCCESS)
                return error_set(error, -EIO, "cannot set TLS up: %s",
                                 mosquitto_strerror(code));
        return 0;
}

static int wire_set(struct wire *wire, const struct mqtt_link_config *config,
                    struct error *error) {
        static const char offline[] = "offline";
        const struct mqtt_address *address = config->address;
        struct mosquitto *mosquitto = wire->mosquitto;
        int code;

        mosquitto_int_option(mosquitto, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
        mosquitto_int_option(mosquitto, MOSQ_OPT_TCP_NODELAY, 1);
        mosquitto_connect_v5_callback_set(mosquitto, wire_on_connect);
        mosquitto_disconnect_v5_callback_set(mosquitto, wire_on_disconnect);
        mosquitto_publish_v5_callback_set(mosquitto, wire_on_publish);
        mosquitto_message_v5_callback_set(mosquitto, wire_on_message);
        mosquitto_log_callback_set(mosquitto, wire_on_log);
        code = mosquitto_will_set_v5(mosquitto, config->status_topic, sizeof(offline) - 1,
                                     offline, 1, true, NULL);
        if (code == MOSQ_ERR_SUCCESS && address->user)
                code = mosquitto_username_pw_set(mosquitto, address->user, address->password);
        if (code != MOSQ_ERR_SUCCESS)
                return error_set(error, -EINVAL, "cannot set MQTT up: %s",
                                 mosquitto_strerror(code));
        return address->is_tls ? wire_set_tls(wire, config->authority, error) : 0;
}

// The process may end while such a thread is still in a handshake. What OpenSSL has is then
// left to the kernel: its own end would free it under the thread's feet. The first word about
// this holds, so it is said before anything else of OpenSSL's is called.
__attribute__((constructor)) static void openssl_keep(void) {
        OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

static int wire_start(struct wire *wire, struct error *error) {
        pthread_t thread;
        int r = thread_start(&thread, "mqtt-connect", wire_connect, wire);

        if (r < 0)
                return error_set(error, r, "cannot start a thread to connect: %s",
                                 strerrordesc_np(-r));
        pthread_detach(thread);
        return 0;
}

static int wire_open(struct wire **ret, struct mqtt_link *link, struct loop *loop,
                     const struct mqtt_link_config *config, struct error *error) {
        static bool is_ready;
        struct wire *wire = xnew(struct wire);
        int r;

        // Once: what it sets up is used until the process ends. It writes to sockets as to
        // files: one that the broker has closed would end us.
        if (!is_ready) {
                (void)signal(SIGPIPE, SIG_IGN);
                if (mosquitto_lib_init() != MOSQ_ERR_SUCCESS)
                        abort();
        }
        is_ready = true;
        pthread_mutex_init(&wire->lock, NULL);
        wire->link = link;
        wire->loop = loop;
        wire->host = xstrdup(config->address->host);
        wire->port = config->address->port;
        wire->mosquitto = mosquitto_new(config->client_id, true, wire);
        if (!wire->mosquitto)
                abort();
        r = wire_set(wire, config, error);
        if (r == 0)
                r = wire_start(wire, error);
        if (r < 0)
                wire_free(wire);
        else
                *ret = wire;
        return r;
}

// --- the end --------------------------------------------------------------------------------

static enum mqtt_link_end refusal_end(int reason) {
        switch (reason) {
        case 1:  // what brokers of MQTT 3 say to MQTT 5
        case MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION:
        case MQTT_RC_RETAIN_NOT_SUPPORTED:
        case MQTT_RC_QOS_NOT_SUPPORTED:
                return MQTT_LINK_HOPELESS;
        case MQTT_RC_MALFORMED_PACKET:
        case MQTT_RC_PROTOCOL_ERROR:
        case MQTT_RC_TOPIC_NAME_INVALID:
        case MQTT_RC_PACKET_TOO_LARGE:
        case MQTT_RC_PAYLOAD_FORMAT_INVALID:
                return MQTT_LINK_BLAMED;
        default:
                return MQTT_LINK_LOST;
        }
}

static const char *refusal_words(int reason) {
        switch (reason) {
        case 1:
        case MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION:
                return "it does not speak MQTT 5";
        case MQTT_RC_BAD_USERNAME_OR_PASSWORD:
                return "wrong user or password";
        case MQTT_RC_NOT_AUTHORIZED:
                return "not authorized: is the user or the password wrong?";
        default:
                return mosquitto_reason_string(reason);
        }
}

// The last call: nothing of the library's comes after it.
static void link_end(struct mqtt_link *link, enum mqtt_link_end end, const char *trouble) {
        if (link->is_down || link->is_closed)
                return;
        link->is_down = true;
        link->is_up = false;
        if (link->has_socket)
                uv_poll_stop(&link->poll);
        loop_timer_cancel(link->patience);
        loop_timer_cancel(link->care);
        link->listener.on_down(link->listener.context, end, trouble);
}

// Why it failed, in words. errno is that of connecting: later the library's own calls have been
// in between.
static const char *failure_words(const struct wire *wire, int code, bool has_socket) {
        const char *last = strrchr(wire->complaint, ':');

        if (strstr(wire->complaint, "certificate verify failed"))
                return "its certificate is not trusted, has expired, or is for another host";
        if (code == MOSQ_ERR_EAI)
                return "its name is not known";
        if (has_socket && (code == MOSQ_ERR_ERRNO || code == MOSQ_ERR_CONN_LOST))
                return "it broke off";
        if (code == MOSQ_ERR_ERRNO && wire->error_number)
                return strerrordesc_np(wire->error_number);
        if (code == MOSQ_ERR_TLS && last)
                return last + 1;
        return mosquitto_strerror(code);
}

static void link_fail(struct mqtt_link *link, int code) {
        char trouble[TROUBLE_MAX + 64];

        if (link->refusal) {
                snprintf(trouble, sizeof(trouble), "the broker %s: %s",
                         link->is_up ? "ended the connection" : "refuses us",
                         refusal_words(link->refusal));
                link_end(link, refusal_end(link->refusal), trouble);
                return;
        }
        snprintf(trouble, sizeof(trouble), "%s the broker: %s",
                 link->is_up ? "lost the connection to" : "cannot connect to",
                 failure_words(link->wire, code, link->has_socket));
        link_end(link, MQTT_LINK_LOST, trouble);
}

static void link_on_patience(void *context) {
        struct mqtt_link *link = context;

        if (link->failure)
                link_fail(link, link->failure);
        else
                link_end(link, MQTT_LINK_LOST,
                         link->is_up ? "the broker acknowledges nothing"
                                     : "the broker does not answer");
}

// --- on the loop ----------------------------------------------------------------------------

static void link_on_ready(uv_poll_t *poll, int status, int events);

// Not after a failure: a socket that the library has closed must not be waited for.
static void link_await(struct mqtt_link *link) {
        int events = UV_READABLE;

        if (link->failure || link->is_down)
                return;
        if (mosquitto_want_write(link->wire->mosquitto))
                events |= UV_WRITABLE;
        uv_poll_start(&link->poll, events, link_on_ready);
}

static void link_be_patient(struct mqtt_link *link) {
        if (link->n_unanswered > 0)
                loop_timer_set(link->patience, MQTT_LINK_PATIENCE);
        else
                loop_timer_cancel(link->patience);
}

static void event_deliver(struct mqtt_link *link, const struct link_event *event) {
        const struct mqtt_link_listener *listener = &link->listener;

        switch (event->kind) {
        case LINK_UP:
                link->is_up = true;
                loop_timer_cancel(link->patience);
                listener->on_up(listener->context);
                break;
        case LINK_ACK:
                // Any answer is a sign of life for all that waits.
                if (link->n_unanswered > 0)
                        link->n_unanswered--;
                if (!link->failure)
                        link_be_patient(link);
                listener->on_ack(listener->context, event->id, event->reason);
                break;
        case LINK_MESSAGE:
                listener->on_message(listener->context, event->topic, event->payload,
                                     event->is_retained);
                break;
        }
}

static void events_free(struct mqtt_link *link) {
        for (size_t i = 0; i < link->n_events; i++) {
                free(link->events[i].topic);
                free(link->events[i].payload);
        }
        link->n_events = link->n_delivered = 0;
}

// Hand on what the library called back with; then go on, or tell that it is over.
static void link_settle(struct mqtt_link *link, int code) {
        link->is_delivering = true;
        while (link->n_delivered < link->n_events && !link->is_closed) {
                struct link_event event = link->events[link->n_delivered++];

                event_deliver(link, &event);
        }
        link->is_delivering = false;
        events_free(link);
        if (link->is_closed)
                return;
        if (code != MOSQ_ERR_SUCCESS)
                link_fail(link, code);
        else
                link_await(link);
}

static void link_on_ready(uv_poll_t *poll, int status, int events) {
        struct mqtt_link *link = poll->data;
        struct mosquitto *mosquitto = link->wire->mosquitto;
        int code = MOSQ_ERR_SUCCESS;

        // A socket in trouble is read, too: that finds out which.
        if (status < 0 || events & UV_READABLE)
                code = mosquitto_loop_read(mosquitto, 1);
        if (code == MOSQ_ERR_SUCCESS && events & UV_WRITABLE)
                code = mosquitto_loop_write(mosquitto, 1);
        if (code == MOSQ_ERR_SUCCESS && mosquitto_socket(mosquitto) < 0)
                code = MOSQ_ERR_CONN_LOST;
        link_settle(link, code);
}

static void link_on_care(void *context) {
        struct mqtt_link *link = context;
        int code = mosquitto_loop_misc(link->wire->mosquitto);

        loop_timer_set(link->care, CARE);
        link_settle(link, code);
}

static void link_on_connected(struct mqtt_link *link) {
        struct wire *wire = link->wire;

        link->has_arrived = true;
        if (link->is_down)
                return;
        if (wire->code != MOSQ_ERR_SUCCESS) {
                link_fail(link, wire->code);
                return;
        }
        if (uv_poll_init(loop_uv(link->loop), &link->poll, mosquitto_socket(wire->mosquitto)) <
            0)
                abort();
        link->poll.data = link;
        link->has_socket = true;
        loop_timer_set(link->care, CARE);
        link_await(link);
}

// --- what it is asked for -------------------------------------------------------------------

// What could not be written is told by the timer: nobody is called back from within a call.
static void link_note(struct mqtt_link *link, int code) {
        if (code != MOSQ_ERR_SUCCESS) {
                link->failure = code;
                uv_poll_stop(&link->poll);
                loop_timer_set(link->patience, 0);
        } else if (!link->is_delivering) {
                link_await(link);
        }
}

int mqtt_link_publish(struct mqtt_link *link, const char *topic, const char *payload,
                      bool is_retained) {
        int id = 0, code;

        if (!link->is_up || link->failure)
                return -EPIPE;
        code = mosquitto_publish_v5(link->wire->mosquitto, &id, topic, (int)strlen(payload),
                                    payload, 1, is_retained, NULL);
        switch (code) {
        case MOSQ_ERR_SUCCESS:
                if (link->n_unanswered++ == 0)
                        loop_timer_set(link->patience, MQTT_LINK_PATIENCE);
                break;
        case MOSQ_ERR_OVERSIZE_PACKET:
        case MOSQ_ERR_PAYLOAD_SIZE:
                return -EMSGSIZE;
        case MOSQ_ERR_QOS_NOT_SUPPORTED:
        case MOSQ_ERR_RETAIN_NOT_SUPPORTED:
                return -ENOTSUP;
        case MOSQ_ERR_INVAL:
        case MOSQ_ERR_MALFORMED_UTF8:
                return -EINVAL;
        default:
                break;
        }
        link_note(link, code);
        return code == MOSQ_ERR_SUCCESS ? id : -EPIPE;
}

bool mqtt_link_is_busy(const struct mqtt_link *link) {
        return link->n_unanswered >= BUSY || mosquitto_want_write(link->wire->mosquitto);
}

size_t mqtt_link_unanswered(const struct mqtt_link *link) {
        return link->n_unanswered;
}

void mqtt_link_subscribe(struct mqtt_link *link, const char *filter) {
        if (!link->is_up || link->failure)
                return;
        link_note(link, mosquitto_subscribe_v5(link->wire->mosquitto, NULL, filter, 1,
                                               MQTT_SUB_OPT_NO_LOCAL, NULL));
}

// --- life -----------------------------------------------------------------------------------

int mqtt_link_open(struct mqtt_link **ret, struct loop *loop,
                   const struct mqtt_link_config *config,
                   const struct mqtt_link_listener *listener, struct error *error) {
        struct mqtt_link *link = xnew(struct mqtt_link);
        int r = wire_open(&link->wire, link, loop, config, error);

        if (r < 0) {
                free(link);
                return r;
        }
        link->loop = loop;
        link->listener = *listener;
        link->patience = loop_timer_new(loop, link_on_patience, link);
        link->care = loop_timer_new(loop, link_on_care, link);
        loop_timer_set(link->patience, MQTT_LINK_PATIENCE);
        *ret = link;
        return 0;
}

static void link_on_closed(uv_handle_t *handle) {
        struct mqtt_link *link = handle->data;

        free(link->events);
        free(link);
}

struct mqtt_link *mqtt_link_close(struct mqtt_link *link) {
        if (!link)
                return NULL;
        link->is_closed = true;
        loop_timer_free(link->patience);
        loop_timer_free(link->care);
        // With the last will, as if it had been cut off: "offline" comes from the broker.
        if (link->is_up)
                mosquitto_disconnect_v5(link->wire->mosquitto, MQTT_RC_DISCONNECT_WITH_WILL_MSG,
                                        NULL);
        if (link->has_socket)
                uv_close((uv_handle_t *)&link->poll, link_on_closed);
        if (link->has_arrived)
                wire_free(link->wire);
        else
                wire_leave(link->wire);
        if (!link->has_socket)
                free(link);
        return NULL;
}
