#include "sink/nats_publisher.h"

#include <errno.h>
#include <jansson.h>
#include <nats/nats.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/mem.h"

// Milliseconds, as the library counts.
#define CONNECT_TIMEOUT 5000
#define API_TIMEOUT     5000
#define WRITE_TIMEOUT   10000
#define PING_INTERVAL   20000
#define ACK_TIMEOUT     10000  // for the next one
#define ACKS_TIMEOUT    60000  // for all of them
#define ACK_SLICE       100    // after which is_left() is asked

// Of those that nobody takes, such as late ones: for a few batches.
#define ACKS_PENDING_MAX       1024
#define ACKS_PENDING_BYTES_MAX (4 * 1024 * 1024)

// A server closes a connection on which a line with a subject, an inbox and two numbers is
// longer than 4096 bytes.
#define SUBJECT_MAX 3072

#define DUPLICATES_NS 3600000000000     // of a stream that is made: an hour
#define AGE_NS        2592000000000000  // and 30 days, as long as a journal keeps rows

// JetStream's own codes.
#define JS_NO_STREAM    10059
#define JS_TOO_LARGE    10054
#define JS_OTHER_STREAM 10060

enum ack { ACK_NONE, ACK_TAKEN, ACK_TOO_LARGE, ACK_FAILED };

struct nats_publisher {
        const struct nats_plan *plan;
        bool (*is_left)(void *context);
        void *context;
        natsConnection *connection;  // NULL: none
        natsSubscription *acks;      // on inbox.>
        char *inbox;
        bool has_stream;          // one that takes the subjects was seen
        bool has_taken;           // a row, on this connection
        unsigned long n_batches;  // ever: tells late acknowledgements from those waited for
};

// --- troubles --------------------------------------------------------------------------

static void trouble_set(struct nats_batch *batch, enum sink_outcome outcome,
                        const char *words) {
        batch->outcome = outcome;
        error_set(&batch->trouble, -EIO, "NATS: %s", words);
}

// What the library says of it: its status, and its own words where it has some.
static int status_error(struct error *error, const char *what, natsStatus status) {
        natsStatus last = NATS_OK;
        const char *words = nats_GetLastError(&last);

        if (last != status || !words || words[0] == '\0')
                words = natsStatus_GetText(status);
        return error_set(error, -EIO, "%s: %s", what, words);
}

static void disconnect(struct nats_publisher *publisher) {
        natsSubscription_Destroy(publisher->acks);
        natsConnection_Destroy(publisher->connection);
        natsInbox_Destroy(publisher->inbox);
        publisher->acks = NULL;
        publisher->connection = NULL;
        publisher->inbox = NULL;
        publisher->has_stream = publisher->has_taken = false;
}

// --- connecting ------------------------------------------------------------------------

static natsStatus principal_set(natsOptions *options, const struct nats_plan *plan) {
        const struct nats_address *address = &plan->address;

        if (plan->credentials)
                return natsOptions_SetUserCredentialsFromFiles(options, plan->credentials,
                                                               NULL);
        if (address->token)
                return natsOptions_SetToken(options, address->token);
        if (address->user)
                return natsOptions_SetUserInfo(options, address->user, address->password);
        return NATS_OK;
}

static natsStatus security_set(natsOptions *options, const struct nats_plan *plan) {
        natsStatus status;

        if (!plan->address.is_tls && !plan->authority)
                return NATS_OK;
        status = natsOptions_SetSecure(options, true);
        if (status == NATS_OK && plan->authority)
                status = natsOptions_LoadCATrustedCertificates(options, plan->authority);
        return status;
}

// A connection that is lost stays so: what was sent before and after would else be out of
// order.
static natsStatus options_set(natsOptions *options, const struct nats_plan *plan) {
        natsStatus status =
                natsOptions_SetServers(options, (const char **)(uintptr_t)plan->address.servers,
                                       (int)plan->address.n_servers);

        if (status == NATS_OK)
                status = natsOptions_SetAllowReconnect(options, false);
        if (status == NATS_OK)
                status = natsOptions_SetTimeout(options, CONNECT_TIMEOUT);
        if (status == NATS_OK)
                status = natsOptions_SetWriteDeadline(options, WRITE_TIMEOUT);
        if (status == NATS_OK)
                status = natsOptions_SetPingInterval(options, PING_INTERVAL);
        if (status == NATS_OK)
                status = natsOptions_SetName(options, "eavesdrop");
        if (status == NATS_OK)
                status = security_set(options, plan);
        return status == NATS_OK ? principal_set(options, plan) : status;
}

static natsStatus inbox_open(struct nats_publisher *publisher) {
        CLEANUP(mem_freep) char *all = NULL;
        natsStatus status = natsInbox_Create(&publisher->inbox);

        if (status != NATS_OK)
                return status;
        all = xasprintf("%s.>", publisher->inbox);
        status = natsConnection_SubscribeSync(&publisher->acks, publisher->connection, all);
        return status == NATS_OK
                       ? natsSubscription_SetPendingLimits(publisher->acks, ACKS_PENDING_MAX,
                                                           ACKS_PENDING_BYTES_MAX)
                       : status;
}

static int connect_to(struct nats_publisher *publisher, struct error *error) {
        natsOptions *options = NULL;
        natsStatus status = natsOptions_Create(&options);

        if (status == NATS_OK)
                status = options_set(options, publisher->plan);
        if (status == NATS_OK)
                status = natsConnection_Connect(&publisher->connection, options);
        natsOptions_Destroy(options);
        if (status == NATS_OK)
                status = inbox_open(publisher);
        return status == NATS_OK ? 0 : status_error(error, "no connection", status);
}

// --- the stream ------------------------------------------------------------------------

// JetStream's answer; NULL with words when there is none. The caller lets go of it.
static json_t *api_ask(struct nats_publisher *publisher, const char *subject, const char *body,
                       struct error *error) {
        natsMsg *reply = NULL;
        natsStatus status = natsConnection_RequestString(&reply, publisher->connection, subject,
                                                         body, API_TIMEOUT);
        json_t *answer;

        if (status == NATS_NO_RESPONDERS) {
                error_set(error, -EIO, "the server has no JetStream (for this account)");
                return NULL;
        }
        if (status != NATS_OK) {
                status_error(error, "JetStream does not answer", status);
                return NULL;
        }
        answer = json_loadb(natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply), 0,
                            NULL);
        natsMsg_Destroy(reply);
        if (!answer)
                error_set(error, -EIO, "JetStream's answer is no JSON");
        return answer;
}

// The error in an answer: its code, 0 for none, and its words.
static int answer_error(const json_t *answer, const char **ret_words) {
        const json_t *error = json_object_get(answer, "error");
        const char *words = json_string_value(json_object_get(error, "description"));

        *ret_words = words ? words : "no reason is given";
        if (!error)
                return 0;
        // Very old servers give no code of JetStream's own.
        return (int)json_integer_value(json_object_get(error, "err_code")) ?: -1;
}

static int stream_create(struct nats_publisher *publisher, struct error *error) {
        const char *name = publisher->plan->stream ? publisher->plan->stream : "eavesdrop";
        CLEANUP(mem_freep) char *subject = xasprintf("$JS.API.STREAM.CREATE.%s", name);
        CLEANUP(mem_freep) char *body = NULL;
        json_t *config = json_pack("{s:s, s:[s], s:s, s:s, s:s, s:i, s:I, s:I}",   //
                                   "name", name,                                   //
                                   "subjects", publisher->plan->pattern,           //
                                   "retention", "limits",                          //
                                   "storage", "file",                              //
                                   "discard", "old",                               //
                                   "num_replicas", 1,                              //
                                   "duplicate_window", (json_int_t)DUPLICATES_NS,  //
                                   "max_age", (json_int_t)AGE_NS);
        const char *words;
        json_t *answer;
        int code;

        body = json_dumps(config, JSON_COMPACT);
        json_decref(config);
        answer = api_ask(publisher, subject, body, error);
        if (!answer)
                return -EIO;
        code = answer_error(answer, &words);
        if (code)
                error_set(error, -EIO, "the JetStream stream %s cannot be made: %s", name,
                          words);
        json_decref(answer);
        return code ? -EIO : 0;
}

// Whether the stream that the configuration names is there, or one that takes the subjects.
static int stream_look(struct nats_publisher *publisher, bool *ret, struct error *error) {
        const struct nats_plan *plan = publisher->plan;
        CLEANUP(mem_freep) char *subject = NULL;
        CLEANUP(mem_freep) char *body = NULL;
        const char *words;
        json_t *answer;
        int code;

        if (plan->stream) {
                subject = xasprintf("$JS.API.STREAM.INFO.%s", plan->stream);
                body = xstrdup("");
        } else {
                json_t *filter = json_pack("{s:s}", "subject", plan->pattern);

                subject = xstrdup("$JS.API.STREAM.NAMES");
                body = json_dumps(filter, JSON_COMPACT);
                json_decref(filter);
        }
        answer = api_ask(publisher, subject, body, error);
        if (!answer)
                return -EIO;
        code = answer_error(answer, &words);
        *ret = code == 0 &&
               (plan->stream || json_array_size(json_object_get(answer, "streams")));
        if (code && code != JS_NO_STREAM)
                error_set(error, -EIO, "JetStream's streams cannot be seen: %s", words);
        json_decref(answer);
        return code && code != JS_NO_STREAM ? -EIO : 0;
}

static int stream_ensure(struct nats_publisher *publisher, struct error *error) {
        const struct nats_plan *plan = publisher->plan;
        bool is_there;
        int r = stream_look(publisher, &is_there, error);

        if (r < 0)
                return r;
        if (!is_there && plan->can_create)
                r = stream_create(publisher, error);
        else if (!is_there && plan->stream)
                r = error_set(
                        error, -ENOENT,
                        "there is no JetStream stream %s (stream); it is waited for: make "
                        "it, or let it be made by create: true",
                        plan->stream);
        else if (!is_there)
                r = error_set(error, -ENOENT,
                              "no JetStream stream takes the subjects %s (subject); one is "
                              "waited for: make it, or let it be made by create: true",
                              plan->pattern);
        publisher->has_stream = r == 0;
        return r;
}

// --- publishing ------------------------------------------------------------------------

// What is known before it is sent.
static bool is_about_row(natsStatus status) {
        return status == NATS_MAX_PAYLOAD || status == NATS_INVALID_SUBJECT;
}

static natsStatus message_publish(struct nats_publisher *publisher,
                                  const struct nats_message *message, size_t i) {
        CLEANUP(mem_freep)
        char *reply = xasprintf("%s.%lu.%zu", publisher->inbox, publisher->n_batches, i);
        const char *stream = publisher->plan->stream;
        natsMsg *msg = NULL;
        natsStatus status;

        if (strlen(message->subject) > SUBJECT_MAX)
                return NATS_INVALID_SUBJECT;
        status = natsMsg_Create(&msg, message->subject, reply, message->body,
                                (int)message->n_body);
        if (status == NATS_OK)
                status = natsMsgHeader_Set(msg, "Nats-Msg-Id", message->id);
        if (status == NATS_OK && stream)
                status = natsMsgHeader_Set(msg, "Nats-Expected-Stream", stream);
        if (status == NATS_OK)
                status = natsConnection_PublishMsg(publisher->connection, msg);
        natsMsg_Destroy(msg);
        return status;
}

// Which of the batch's messages that is about; `n` for none.
static size_t ack_place(const struct nats_publisher *publisher, const natsMsg *ack, size_t n) {
        const char *suffix = natsMsg_GetSubject(ack) + strlen(publisher->inbox);
        unsigned long batch, i;
        char *end;

        if (*suffix != '.')
                return n;
        batch = strtoul(suffix + 1, &end, 10);
        if (batch != publisher->n_batches || *end != '.')
                return n;
        i = strtoul(end + 1, &end, 10);
        return i < n ? i : n;
}

static enum ack ack_read(natsMsg *ack, struct error *error) {
        enum ack kind = ACK_TAKEN;
        const char *words;
        json_t *answer;
        int code;

        answer = json_loadb(natsMsg_GetData(ack), (size_t)natsMsg_GetDataLength(ack), 0, NULL);
        code = answer ? answer_error(answer, &words) : -1;
        if (code) {
                kind = code == JS_TOO_LARGE ? ACK_TOO_LARGE : ACK_FAILED;
                error_set(error, -EIO, "JetStream does not take a row: %s%s",
                          answer ? words : "its answer is no JSON",
                          code == JS_OTHER_STREAM ? " (stream)" : "");
        }
        json_decref(answer);
        return kind;
}

// What is waited for: one answer for each of `n` messages. One for whose subject there is no
// stream has an answer that does not say which message it is about: it stays ACK_NONE.
struct awaited {
        enum ack *acks;
        size_t n, n_left;
        size_t first;        // that failed, as far as is known
        struct error error;  // and why
};

static void awaited_take(const struct nats_publisher *publisher, struct awaited *awaited,
                         natsMsg *ack) {
        size_t i = ack_place(publisher, ack, awaited->n);
        struct error error = {0};

        if (i == awaited->n || awaited->acks[i] != ACK_NONE)
                return;  // of a batch that was given up
        awaited->acks[i] = ack_read(ack, &error);
        awaited->n_left--;
        if (awaited->acks[i] == ACK_TAKEN || i > awaited->first)
                return;
        awaited->first = i;
        awaited->error = error;
}

// Milliseconds of a clock that nobody sets.
static int64_t clock_now(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// No acknowledgement comes: what the server said last may be why.
static void acks_give_up(const struct nats_publisher *publisher, struct error *error,
                         natsStatus status) {
        const char *words = NULL;

        if (error->code)
                return;
        natsConnection_GetLastError(publisher->connection, &words);
        if (words && words[0] != '\0')
                error_set(error, -EIO, "no acknowledgement: %s (%s)",
                          natsStatus_GetText(status), words);
        else
                status_error(error, "no acknowledgement", status);
}

// Wait for all: false when nothing came for too long, or nobody waits any more.
static bool acks_await(struct nats_publisher *publisher, struct awaited *awaited) {
        int64_t end = clock_now() + ACKS_TIMEOUT;
        bool is_over = false;

        for (int waited = 0; awaited->n_left > 0;) {
                natsMsg *ack = NULL;
                natsStatus status = natsSubscription_NextMsg(&ack, publisher->acks, ACK_SLICE);

                if (status == NATS_OK) {
                        awaited_take(publisher, awaited, ack);
                        natsMsg_Destroy(ack);
                        waited = 0;
                } else if (status == NATS_NO_RESPONDERS) {
                        awaited->n_left--;
                } else if (status == NATS_TIMEOUT) {
                        waited += ACK_SLICE;
                        is_over =
                                waited > ACK_TIMEOUT || publisher->is_left(publisher->context);
                } else {
                        is_over = true;
                }
                is_over = is_over || clock_now() >= end;
                if (is_over && awaited->n_left > 0) {
                        acks_give_up(publisher, &awaited->error,
                                     status == NATS_OK ? NATS_TIMEOUT : status);
                        return false;
                }
        }
        return true;
}

// Of a row for whose subject there is no stream: whether there is one for others' all the same,
// so that it is about this row.
static bool is_row_alone(struct nats_publisher *publisher) {
        struct error error = {0};
        bool is_there;

        return publisher->has_taken && stream_look(publisher, &is_there, &error) == 0 &&
               is_there;
}

// What becomes of the first row that was not taken, all that will come having come or not.
static void batch_judge(struct nats_publisher *publisher, struct nats_batch *batch,
                        const struct awaited *awaited, bool is_whole) {
        enum ack ack = awaited->acks[batch->n_taken];

        if (ack == ACK_NONE && is_whole)
                trouble_set(batch, is_row_alone(publisher) ? SINK_REFUSED : SINK_RETRY,
                            "no JetStream stream takes a row's subject (subject, stream)");
        else
                trouble_set(batch, ack == ACK_TOO_LARGE ? SINK_REFUSED : SINK_RETRY,
                            awaited->error.text);
}

// Why the first row that was not sent was not.
static void batch_judge_unsent(struct nats_batch *batch, natsStatus status) {
        struct error error = {0};

        if (status == NATS_MAX_PAYLOAD)
                error_set(&error, -EIO, "a row is larger than what the server takes");
        else if (status == NATS_INVALID_SUBJECT)
                error_set(&error, -EIO, "a row's subject is longer than %d bytes", SUBJECT_MAX);
        else
                status_error(&error, "a row cannot be published", status);
        trouble_set(batch, is_about_row(status) ? SINK_REFUSED : SINK_RETRY, error.text);
}

// Publish them and wait. What is too large for the server is known before it is sent, and those
// behind it are left for another batch.
static void messages_publish(struct nats_publisher *publisher, struct nats_batch *batch) {
        enum ack *acks = xcalloc(batch->n, sizeof(*acks));
        struct awaited awaited = {.acks = acks};
        natsStatus status = NATS_OK;
        bool is_whole;
        size_t n = 0;

        publisher->n_batches++;
        while (n < batch->n && status == NATS_OK)
                status = message_publish(publisher, &batch->messages[n], n), n++;
        if (status != NATS_OK)
                n--;
        awaited.n = awaited.n_left = awaited.first = n;
        is_whole = acks_await(publisher, &awaited);
        for (size_t i = 0; i < n; i++)
                publisher->has_taken |= acks[i] == ACK_TAKEN;
        while (batch->n_taken < n && acks[batch->n_taken] == ACK_TAKEN)
                batch->n_taken++;
        if (batch->n_taken < n)
                batch_judge(publisher, batch, &awaited, is_whole);
        else if (status != NATS_OK)
                batch_judge_unsent(batch, status);
        // Another connection begins with a clean slate; another look may tell more.
        if (!is_whole || (status != NATS_OK && !is_about_row(status)))
                disconnect(publisher);
        else if (batch->outcome == SINK_RETRY)
                publisher->has_stream = false;
        free(acks);
}

void nats_publisher_publish(struct nats_publisher *publisher, struct nats_batch *batch) {
        struct error error = {0};

        batch->outcome = SINK_TAKEN;
        batch->n_taken = 0;
        batch->trouble = (struct error){0};
        if (publisher->connection &&
            natsConnection_Status(publisher->connection) != NATS_CONN_STATUS_CONNECTED)
                disconnect(publisher);
        if (!publisher->connection && connect_to(publisher, &error) < 0) {
                disconnect(publisher);
                trouble_set(batch, SINK_RETRY, error.text);
        } else if (!publisher->has_stream && stream_ensure(publisher, &error) < 0) {
                trouble_set(batch, SINK_RETRY, error.text);
        } else {
                messages_publish(publisher, batch);
        }
}

// --- life ------------------------------------------------------------------------------

struct nats_publisher *nats_publisher_new(const struct nats_plan *plan,
                                          bool (*is_left)(void *context), void *context) {
        struct nats_publisher *publisher = xnew(struct nats_publisher);

        publisher->plan = plan;
        publisher->is_left = is_left;
        publisher->context = context;
        return publisher;
}

struct nats_publisher *nats_publisher_free(struct nats_publisher *publisher) {
        disconnect(publisher);
        nats_ReleaseThreadMemory();
        return mem_free(publisher);
}
