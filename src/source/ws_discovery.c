#include "source/ws_discovery.h"

#include <errno.h>
#include <expat.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "util/line_text.h"
#include "util/mem.h"

// --- the probe ----------------------------------------------------------------------

void ws_discovery_id(char ret[WS_DISCOVERY_ID_SIZE]) {
        uint8_t bytes[16] = {0};

        // Not a secret: it tells our answers from those to others.
        (void)!getrandom(bytes, sizeof(bytes), GRND_NONBLOCK);
        bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);  // version 4
        bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
        snprintf(
                ret, WS_DISCOVERY_ID_SIZE,
                "urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
                bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14],
                bytes[15]);
}

char *ws_discovery_probe(const char *id) {
        return xasprintf(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
                "<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\""
                " xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\""
                " xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\""
                " xmlns:n=\"http://www.onvif.org/ver10/network/wsdl\">"
                "<e:Header><a:MessageID>%s</a:MessageID>"
                "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
                "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>"
                "</e:Header><e:Body><d:Probe><d:Types>n:NetworkVideoTransmitter</d:Types>"
                "</d:Probe></e:Body></e:Envelope>",
                id);
}

// --- an answer ------------------------------------------------------------------------

#define BETWEEN '|'  // an element's namespace and its name

struct ws_reading {
        XML_Parser parser;
        const char *id;
        struct ws_answer *answer;
        const char *trouble;  // NULL: none so far
        unsigned depth;
        bool is_ours;            // it relates to our probe
        struct ws_match *match;  // that is being read; NULL: none
        // Of the element that is open and has none in it. All of an answer has room.
        char text[WS_DISCOVERY_BYTES_MAX];
        size_t n;
};

static void reading_stop(struct ws_reading *reading, const char *trouble) {
        reading->trouble = trouble;
        XML_StopParser(reading->parser, XML_FALSE);
}

// Cameras differ in the versions of the namespaces; the names are the same in all.
static const char *local_name(const char *name) {
        const char *between = strrchr(name, BETWEEN);

        return between ? between + 1 : name;
}

static void on_start(void *context, const char *name, const char **attributes) {
        struct ws_reading *reading = context;

        (void)attributes;
        reading->n = 0;
        if (++reading->depth > WS_DISCOVERY_DEPTH_MAX) {
                reading_stop(reading, "its elements are nested too deeply");
                return;
        }
        if (strcmp(local_name(name), "ProbeMatch") != 0)
                return;
        reading->match = NULL;
        if (reading->answer->n < WS_DISCOVERY_MATCHES_MAX)
                reading->match = &reading->answer->matches[reading->answer->n++];
}

static void on_text(void *context, const char *text, int n) {
        struct ws_reading *reading = context;

        // Entities are refused, so that what comes is no more than the answer has.
        if (reading->n + (size_t)n > sizeof(reading->text)) {
                reading_stop(reading, "a text in it is too long");
                return;
        }
        memcpy(reading->text + reading->n, text, (size_t)n);
        reading->n += (size_t)n;
}

static void on_document_type(void *context, const char *name, const char *system,
                             const char *public, int has_subset) {
        (void)name;
        (void)system;
        (void)public;
        (void)has_subset;
        reading_stop(context, "it has a document type");
}

// --- texts ----------------------------------------------------------------------------

static bool is_space(char letter) {
        return letter == ' ' || letter == '\t' || letter == '\r' || letter == '\n';
}

// The next word of a list, moved past.
static bool word_next(const char **at, const char *end, const char **ret, size_t *ret_n) {
        while (*at < end && is_space(**at))
                ++*at;
        *ret = *at;
        while (*at < end && !is_space(**at))
                ++*at;
        *ret_n = (size_t)(*at - *ret);
        return *ret_n > 0;
}

static int digit_of(char letter) {
        const char *digits = "0123456789abcdef";
        const char *place = letter ? strchr(digits, letter | 0x20) : NULL;

        return letter >= '0' && letter <= '9' ? letter - '0'
               : place                        ? (int)(place - digits)
                                              : -1;
}

// A part of a scope, which is an address, as it reads: without its escapes.
static void part_write(char ret[WS_DISCOVERY_TEXT_MAX], const char *text, size_t n) {
        char plain[WS_DISCOVERY_BYTES_MAX];
        size_t n_plain = 0;

        for (size_t i = 0; i < n; i++) {
                bool is_escape = text[i] == '%' && n - i > 2 && digit_of(text[i + 1]) >= 0 &&
                                 digit_of(text[i + 2]) >= 0;

                plain[n_plain] = text[i];
                if (is_escape) {
                        plain[n_plain] = (char)(uint8_t)(digit_of(text[i + 1]) * 16 +
                                                         digit_of(text[i + 2]));
                        i += 2;
                }
                n_plain++;
        }
        line_text_write(ret, WS_DISCOVERY_TEXT_MAX, plain, n_plain);
}

// What ONVIF puts into scopes: onvif://www.onvif.org/name/Front%20door. The first counts.
static void scope_understand(struct ws_match *match, const char *scope, size_t n) {
        static const char begin[] = "onvif://www.onvif.org/";
        const struct {
                const char *key;
                char *place;
        } parts[] = {{"name/", match->name},
                     {"hardware/", match->hardware},
                     {"location/", match->location}};
        size_t n_begin = strlen(begin);

        if (n <= n_begin || strncasecmp(scope, begin, n_begin) != 0)
                return;
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                size_t n_key = strlen(parts[i].key);

                if (n > n_begin + n_key && !parts[i].place[0] &&
                    strncasecmp(scope + n_begin, parts[i].key, n_key) == 0)
                        part_write(parts[i].place, scope + n_begin + n_key,
                                   n - n_begin - n_key);
        }
}

static void scopes_read(struct ws_match *match, const char *text, size_t n) {
        const char *end = text + n, *word;
        size_t n_word;

        while (word_next(&text, end, &word, &n_word)) {
                scope_understand(match, word, n_word);
                if (match->n_scopes < WS_DISCOVERY_SCOPES_MAX && n_word < WS_DISCOVERY_TEXT_MAX)
                        line_text_write(match->scopes[match->n_scopes++], WS_DISCOVERY_TEXT_MAX,
                                        word, n_word);
        }
}

static void urls_read(struct ws_match *match, const char *text, size_t n) {
        const char *end = text + n, *word;
        size_t n_word;

        while (word_next(&text, end, &word, &n_word)) {
                bool is_web = (n_word > 7 && strncasecmp(word, "http://", 7) == 0) ||
                              (n_word > 8 && strncasecmp(word, "https://", 8) == 0);

                if (is_web && match->n_urls < WS_DISCOVERY_URLS_MAX &&
                    n_word < WS_DISCOVERY_TEXT_MAX)
                        line_text_write(match->urls[match->n_urls++], WS_DISCOVERY_TEXT_MAX,
                                        word, n_word);
        }
}

static void on_end(void *context, const char *full_name) {
        struct ws_reading *reading = context;
        const char *name = local_name(full_name);
        const char *text = reading->text, *end = reading->text + reading->n, *word;
        size_t n_word;

        reading->depth--;
        if (strcmp(name, "RelatesTo") == 0 && word_next(&text, end, &word, &n_word))
                reading->is_ours |= n_word == strlen(reading->id) &&
                                    strncasecmp(word, reading->id, n_word) == 0;
        if (strcmp(name, "ProbeMatch") == 0) {
                reading->match = NULL;
        } else if (reading->match && strcmp(name, "Address") == 0 &&
                   word_next(&text, end, &word, &n_word)) {
                line_text_write(reading->match->endpoint, WS_DISCOVERY_TEXT_MAX, word, n_word);
        } else if (reading->match && strcmp(name, "Scopes") == 0) {
                scopes_read(reading->match, reading->text, reading->n);
        } else if (reading->match && strcmp(name, "XAddrs") == 0) {
                urls_read(reading->match, reading->text, reading->n);
        }
        reading->n = 0;
}

static int parse(struct ws_reading *reading, const char *bytes, size_t n, struct error *error) {
        XML_SetUserData(reading->parser, reading);
        XML_SetElementHandler(reading->parser, on_start, on_end);
        XML_SetCharacterDataHandler(reading->parser, on_text);
        XML_SetStartDoctypeDeclHandler(reading->parser, on_document_type);
        if (XML_Parse(reading->parser, bytes, (int)n, XML_TRUE) == XML_STATUS_OK) {
                if (reading->is_ours)
                        return 0;
                return error_set(error, -EPROTO, "no answer to our probe");
        }
        return error_set(error, -EPROTO, "no answer that makes sense: %s",
                         reading->trouble ? reading->trouble
                                          : XML_ErrorString(XML_GetErrorCode(reading->parser)));
}

int ws_discovery_read(const char *bytes, size_t n, const char *id, struct ws_answer *ret,
                      struct error *error) {
        struct ws_reading reading = {.id = id, .answer = ret};
        int code;

        ret->n = 0;
        memset(ret->matches, 0, sizeof(ret->matches));
        if (n > WS_DISCOVERY_BYTES_MAX)
                return error_set(error, -EPROTO, "an answer of more than %d bytes",
                                 WS_DISCOVERY_BYTES_MAX);
        reading.parser = XML_ParserCreateNS(NULL, BETWEEN);
        if (!reading.parser)
                return error_set(error, -ENOMEM, "no memory to read an answer");
        code = parse(&reading, bytes, n, error);
        XML_ParserFree(reading.parser);
        return code;
}
