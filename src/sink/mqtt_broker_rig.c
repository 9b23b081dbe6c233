#include "sink/mqtt_broker_rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "util/array.h"
#include "util/list.h"
#include "util/mem.h"

#define PACKET_MAX ((size_t)1 << 20)

enum packet_type {
        CONNECT = 1,
        PUBLISH = 3,
        SUBSCRIBE = 8,
        PINGREQ = 12,
};

enum property {
        RECEIVE_MAXIMUM = 0x21,
        PACKET_MAXIMUM = 0x27,
};

struct guest {
        struct mqtt_broker *broker;
        struct guest *next;
        uv_tcp_t tcp;
        uint8_t *bytes;
        size_t n, capacity;
        char block[4096];
        bool is_closing;
};

struct kept {
        struct mqtt_broker_message message;
        bool is_acknowledged;
};

struct mqtt_broker {
        struct loop *loop;
        uv_tcp_t *port;  // NULL: it is down
        int number;
        struct mqtt_manners manners;
        struct guest *guests;
        struct kept *kept;
        size_t n_kept, capacity;
        unsigned n_connections;
        uint32_t packet_max;
        char visitor[512], filters[512];
};

// --- bytes ----------------------------------------------------------------------------------

struct cursor {
        const uint8_t *at, *end;
};

static unsigned take_byte(struct cursor *cursor) {
        return cursor->at < cursor->end ? *cursor->at++ : 0;
}

static unsigned take_number(struct cursor *cursor) {
        unsigned high = take_byte(cursor);

        return high << 8 | take_byte(cursor);
}

static size_t take_varint(struct cursor *cursor) {
        size_t value = 0;

        for (int shift = 0; shift < 28; shift += 7) {
                unsigned byte = take_byte(cursor);

                value |= (size_t)(byte & 127) << shift;
                if (byte < 128)
                        break;
        }
        return value;
}

static void skip_properties(struct cursor *cursor) {
        size_t n = take_varint(cursor);

        cursor->at += n < (size_t)(cursor->end - cursor->at) ? n : 0;
}

// Of CONNECT's properties the one that says how large a packet may be; 0: none does.
static uint32_t take_packet_max(struct cursor *cursor) {
        size_t n = take_varint(cursor);
        struct cursor properties = {cursor->at, cursor->at + n};
        uint32_t most = 0;

        if (n > (size_t)(cursor->end - cursor->at))
                return 0;
        while (properties.at < properties.end) {
                unsigned property = take_byte(&properties), high;

                if (property == RECEIVE_MAXIMUM) {
                        take_number(&properties);
                        continue;
                }
                if (property != PACKET_MAXIMUM)
                        break;
                high = take_number(&properties);
                most = high << 16 | take_number(&properties);
        }
        cursor->at += n;
        return most;
}

// The caller frees it.
static char *take_text(struct cursor *cursor) {
        size_t n = take_number(cursor);
        char *text;

        if (n > (size_t)(cursor->end - cursor->at))
                n = (size_t)(cursor->end - cursor->at);
        text = xasprintf("%.*s", (int)n, (const char *)cursor->at);
        cursor->at += n;
        return text;
}

// --- answers --------------------------------------------------------------------------------

static void guest_on_closed(uv_handle_t *handle) {
        struct guest *guest = handle->data;

        free(guest->bytes);
        free(guest);
}

static void guest_close(struct guest *guest) {
        if (guest->is_closing)
                return;
        guest->is_closing = true;
        LIST_UNLINK(guest->broker->guests, guest, next);
        uv_close((uv_handle_t *)&guest->tcp, guest_on_closed);
}

static void guest_send(struct guest *guest, const uint8_t *bytes, size_t n) {
        uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)n);

        // A few bytes always have room.
        if (!guest->is_closing &&
            uv_try_write((uv_stream_t *)&guest->tcp, &buffer, 1) != (int)n)
                guest_close(guest);
}

static void say(struct guest *guest, const char *topic, const char *payload, bool is_retained) {
        uint8_t packet[128];
        size_t n_topic = strlen(topic), n_payload = strlen(payload);
        size_t n = 0;

        packet[n++] = is_retained ? 0x31 : 0x30;
        packet[n++] = (uint8_t)(2 + n_topic + 1 + n_payload);
        packet[n++] = 0;
        packet[n++] = (uint8_t)n_topic;
        memcpy(packet + n, topic, n_topic);
        n += n_topic;
        packet[n++] = 0;  // no properties
        memcpy(packet + n, payload, n_payload);
        guest_send(guest, packet, n + n_payload);
}

// --- packets --------------------------------------------------------------------------------

static void on_connect(struct guest *guest, struct cursor cursor) {
        struct mqtt_broker *broker = guest->broker;
        uint32_t most = broker->manners.packet_max;
        uint8_t with_limit[] = {0x20,
                                8,
                                0,
                                broker->manners.welcome,
                                5,
                                0x27,
                                (uint8_t)(most >> 24),
                                (uint8_t)(most >> 16),
                                (uint8_t)(most >> 8),
                                (uint8_t)most};
        uint8_t plain[] = {0x20, 3, 0, broker->manners.welcome, 0};
        char *texts[5] = {0};  // client id, will's topic, will, user, password
        unsigned flags;

        free(take_text(&cursor));  // "MQTT"
        take_byte(&cursor);
        flags = take_byte(&cursor);
        take_number(&cursor);
        broker->packet_max = take_packet_max(&cursor);
        texts[0] = take_text(&cursor);
        if (flags & 4) {
                skip_properties(&cursor);
                texts[1] = take_text(&cursor);
                texts[2] = take_text(&cursor);
        }
        texts[3] = flags & 0x80 ? take_text(&cursor) : xstrdup("");
        texts[4] = flags & 0x40 ? take_text(&cursor) : xstrdup("");
        snprintf(broker->visitor, sizeof(broker->visitor), "%s:%s %s %s %d", texts[3], texts[4],
                 texts[1] ? texts[1] : "", texts[2] ? texts[2] : "", flags >> 5 & 1);
        for (size_t i = 0; i < 5; i++)
                free(texts[i]);
        broker->n_connections++;
        if (most)
                guest_send(guest, with_limit, sizeof(with_limit));
        else
                guest_send(guest, plain, sizeof(plain));
        if (broker->manners.welcome)
                guest_close(guest);
}

static void on_subscribe(struct guest *guest, struct cursor cursor) {
        struct mqtt_broker *broker = guest->broker;
        unsigned id = take_number(&cursor);
        uint8_t answer[] = {0x90, 4, (uint8_t)(id >> 8), (uint8_t)id, 0, 1};
        size_t n = strlen(broker->filters);
        CLEANUP(mem_freep) char *filter = NULL;

        skip_properties(&cursor);
        filter = take_text(&cursor);
        snprintf(broker->filters + n, sizeof(broker->filters) - n, "%s ", filter);
        guest_send(guest, answer, sizeof(answer));
        if (broker->manners.remembered)
                say(guest, broker->manners.remembered, "ON", true);
}

static void keep(struct mqtt_broker *broker, struct mqtt_broker_message message,
                 bool is_acknowledged) {
        broker->kept = array_grow(broker->kept, broker->n_kept, &broker->capacity,
                                  sizeof(*broker->kept));
        broker->kept[broker->n_kept++] = (struct kept){message, is_acknowledged};
}

static void on_publish(struct guest *guest, unsigned flags, struct cursor cursor) {
        struct mqtt_broker *broker = guest->broker;
        const struct mqtt_manners *manners = &broker->manners;
        struct mqtt_broker_message message = {.is_retained = flags & 1,
                                              .qos = (int)(flags >> 1 & 3)};
        uint8_t answer[] = {0x40, 3, 0, 0, 0};
        bool is_silent = manners->is_silent, is_taken;

        message.topic = take_text(&cursor);
        if (message.qos > 0) {
                answer[2] = (uint8_t)take_byte(&cursor);
                answer[3] = (uint8_t)take_byte(&cursor);
        }
        skip_properties(&cursor);
        message.payload =
                xasprintf("%.*s", (int)(cursor.end - cursor.at), (const char *)cursor.at);
        if (manners->ignored && strstr(message.payload, manners->ignored))
                is_silent = true;
        is_taken = !is_silent && !manners->is_closing;
        if (manners->poison && strstr(message.payload, manners->poison)) {
                answer[4] = manners->reason;
                is_taken = is_taken && manners->reason < 128;
                if (manners->is_blaming) {
                        guest_send(guest, (uint8_t[]){0xE0, 1, manners->reason}, 3);
                        guest_close(guest);
                }
        }
        if (manners->is_closing)
                guest_close(guest);
        else if (!is_silent && message.qos > 0)
                guest_send(guest, answer, sizeof(answer));
        if (manners->is_acking_once)
                guest_close(guest);
        keep(broker, message, is_taken);
}

static void on_packet(struct guest *guest, unsigned head, struct cursor cursor) {
        if (head >> 4 == CONNECT)
                on_connect(guest, cursor);
        else if (head >> 4 == SUBSCRIBE)
                on_subscribe(guest, cursor);
        else if (head >> 4 == PUBLISH)
                on_publish(guest, head & 15, cursor);
        else if (head >> 4 == PINGREQ)
                guest_send(guest, (uint8_t[]){0xD0, 0}, 2);
}

// The first packet of what came, if all of it is there. Returns its bytes; 0: it is not.
static size_t packet_find(const struct guest *guest, struct cursor *ret) {
        struct cursor cursor = {guest->bytes + 1, guest->bytes + guest->n};
        size_t n;

        for (size_t i = 1; i < 5; i++) {
                if (i >= guest->n)
                        return 0;
                if (guest->bytes[i] < 128)
                        break;
        }
        n = take_varint(&cursor);
        if (n > (size_t)(cursor.end - cursor.at))
                return 0;
        *ret = (struct cursor){cursor.at, cursor.at + n};
        return (size_t)(cursor.at - guest->bytes) + n;
}

static void guest_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer) {
        struct guest *guest = stream->data;
        struct cursor cursor;
        size_t taken;

        (void)buffer;
        if (n < 0) {
                guest_close(guest);
                return;
        }
        if (guest->n + (size_t)n > PACKET_MAX)
                abort();
        guest->bytes = xrealloc_array(guest->bytes, guest->n + (size_t)n + 1, 1);
        memcpy(guest->bytes + guest->n, guest->block, (size_t)n);
        guest->n += (size_t)n;
        while (!guest->is_closing && (taken = packet_find(guest, &cursor)) > 0) {
                on_packet(guest, guest->bytes[0], cursor);
                memmove(guest->bytes, guest->bytes + taken, guest->n - taken);
                guest->n -= taken;
        }
}

static void guest_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
        struct guest *guest = handle->data;

        (void)suggested;
        *ret = uv_buf_init(guest->block, sizeof(guest->block));
}

static void port_on_guest(uv_stream_t *port, int status) {
        struct mqtt_broker *broker = port->data;
        struct guest *guest = xnew(struct guest);

        if (status < 0 || uv_tcp_init(loop_uv(broker->loop), &guest->tcp) < 0)
                abort();
        guest->broker = broker;
        guest->tcp.data = guest;
        guest->next = broker->guests;
        broker->guests = guest;
        if (uv_accept(port, (uv_stream_t *)&guest->tcp) < 0)
                guest_close(guest);
        else
                uv_read_start((uv_stream_t *)&guest->tcp, guest_on_alloc, guest_on_read);
}

// --- life -----------------------------------------------------------------------------------

static void port_on_closed(uv_handle_t *handle) {
        free(handle);
}

void mqtt_broker_set_down(struct mqtt_broker *broker, bool is_down) {
        struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons((uint16_t)broker->number),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        int n = sizeof(address);

        if (is_down == !broker->port)
                return;
        if (is_down) {
                while (broker->guests)
                        guest_close(broker->guests);
                uv_close((uv_handle_t *)broker->port, port_on_closed);
                broker->port = NULL;
                return;
        }
        broker->port = xnew(uv_tcp_t);
        broker->port->data = broker;
        if (uv_tcp_init(loop_uv(broker->loop), broker->port) < 0 ||
            uv_tcp_bind(broker->port, (const struct sockaddr *)&address, 0) < 0 ||
            uv_listen((uv_stream_t *)broker->port, 16, port_on_guest) < 0 ||
            uv_tcp_getsockname(broker->port, (struct sockaddr *)&address, &n) < 0)
                abort();
        broker->number = ntohs(address.sin_port);
}

struct mqtt_broker *mqtt_broker_new(struct loop *loop) {
        struct mqtt_broker *broker = xnew(struct mqtt_broker);

        broker->loop = loop;
        mqtt_broker_set_down(broker, false);
        return broker;
}

struct mqtt_broker *mqtt_broker_free(struct mqtt_broker *broker) {
        mqtt_broker_set_down(broker, true);
        for (size_t i = 0; i < broker->n_kept; i++) {
                free(broker->kept[i].message.topic);
                free(broker->kept[i].message.payload);
        }
        free(broker->kept);
        return mem_free(broker);
}

void mqtt_broker_say(struct mqtt_broker *broker, const char *topic, const char *payload) {
        for (struct guest *guest = broker->guests, *next; guest; guest = next) {
                next = guest->next;
                say(guest, topic, payload, false);
        }
}

// --- what it was told -----------------------------------------------------------------------

int mqtt_broker_port(const struct mqtt_broker *broker) {
        return broker->number;
}

struct mqtt_manners *mqtt_broker_manners(struct mqtt_broker *broker) {
        return &broker->manners;
}

size_t mqtt_broker_count(const struct mqtt_broker *broker) {
        return broker->n_kept;
}

const struct mqtt_broker_message *mqtt_broker_message(const struct mqtt_broker *broker,
                                                      size_t i) {
        return &broker->kept[i].message;
}

unsigned mqtt_broker_connections(const struct mqtt_broker *broker) {
        return broker->n_connections;
}

const char *mqtt_broker_visitor(const struct mqtt_broker *broker) {
        return broker->visitor;
}

uint32_t mqtt_broker_packet_max(const struct mqtt_broker *broker) {
        return broker->packet_max;
}

const char *mqtt_broker_filters(const struct mqtt_broker *broker) {
        return broker->filters;
}

const struct mqtt_broker_message *mqtt_broker_last(const struct mqtt_broker *broker,
                                                   const char *topic) {
        for (size_t i = broker->n_kept; i > 0; i--)
                if (strcmp(broker->kept[i - 1].message.topic, topic) == 0)
                        return &broker->kept[i - 1].message;
        return NULL;
}

static bool topic_ends(const char *topic, const char *end) {
        size_t n = strlen(topic), n_end = strlen(end);

        return n >= n_end && strcmp(topic + n - n_end, end) == 0;
}

size_t mqtt_broker_ids(void *context, char (*ret)[ROW_ID_TEXT_MAX], size_t n) {
        const struct mqtt_broker *broker = context;
        size_t n_ids = 0;

        for (size_t i = 0; i < broker->n_kept && n_ids < n; i++) {
                const struct mqtt_broker_message *message = &broker->kept[i].message;
                const char *id = strstr(message->payload, "\"id\":\"");

                if (!broker->kept[i].is_acknowledged || !id ||
                    topic_ends(message->topic, "/event"))
                        continue;
                snprintf(ret[n_ids++], ROW_ID_TEXT_MAX, "%s", id + 6);
        }
        return n_ids;
}
