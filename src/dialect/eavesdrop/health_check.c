// Health checks: clients that only want to hear that the server answers.
#include "dialect/eavesdrop/roles.h"

static bool health_check_matches(const struct http_request *request) {
        enum eavesdrop_role role;

        return eavesdrop_role_of(request, &role) && role == EAVESDROP_HEALTH_CHECK;
}

static void health_check_on_text(struct session *session, const char *text, size_t n) {
        (void)text;
        (void)n;
        session_started(session, "health check");
        session_close(session, 1000, "healthy");
}

static void health_check_on_binary(struct session *session,
                                   const struct websocket_piece *piece) {
        (void)piece;
        session_refuse(session, 1008, "audio before setup: send the setup message first", 0);
}

static void health_check_goodbye(struct session *session, uint16_t code) {
        session_close(session, code, "server is going away");
}

static void health_check_close(struct session *session) {
        (void)session;
}

const struct dialect dialect_health_check = {
        .name = "health_check",
        .matches_request = health_check_matches,
        .on_text = health_check_on_text,
        .on_binary = health_check_on_binary,
        .refuse = eavesdrop_refuse,
        .goodbye = health_check_goodbye,
        .close = health_check_close,
};
