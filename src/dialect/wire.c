#include "dialect/wire.h"

#include "net/raw.h"
#include "net/websocket.h"

// --- WebSocket -------------------------------------------------------------------------------

static void wire_websocket_send(void *connection, const char *text, size_t n) {
        websocket_send_text(connection, text, n);
}

static void wire_websocket_close(void *connection, uint16_t code, const char *reason) {
        websocket_close(connection, code, reason);
}

static void wire_websocket_read(void *connection, bool is_wanted) {
        if (is_wanted)
                websocket_resume(connection);
        else
                websocket_pause(connection);
}

static size_t wire_websocket_unsent(const void *connection) {
        return websocket_pending(connection);
}

const struct session_wire session_wire_websocket = {
        .send = wire_websocket_send,
        .close = wire_websocket_close,
        .read = wire_websocket_read,
        .unsent = wire_websocket_unsent,
};

// --- bytes alone -----------------------------------------------------------------------------

static void wire_raw_send(void *connection, const char *text, size_t n) {
        raw_send(connection, text, n);
}

static void wire_raw_close(void *connection, uint16_t code, const char *reason) {
        (void)code;
        (void)reason;
        raw_close(connection);
}

static void wire_raw_read(void *connection, bool is_wanted) {
        if (is_wanted)
                raw_resume(connection);
        else
                raw_pause(connection);
}

static size_t wire_raw_unsent(const void *connection) {
        return raw_pending(connection);
}

const struct session_wire session_wire_raw = {
        .send = wire_raw_send,
        .close = wire_raw_close,
        .read = wire_raw_read,
        .unsent = wire_raw_unsent,
};
