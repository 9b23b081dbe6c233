#include "sink/postgresql_address.h"

#include <errno.h>
#include <libpq-fe.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "util/mem.h"

#define HOSTS_MAX    8   // of one URL
#define TARGETS_MAX  16  // addresses of all of them
#define KEYWORDS_MAX 64  // of libpq: some forty in version 15

#define ADDRESS_MAX 64  // an IPv6 address as text, with its zone

// How long the network may take to tell that a server is gone.
#define KEEPALIVE_IDLE   "30"     // seconds
#define UNANSWERED_BYTES "30000"  // ms

struct postgresql_host {
        char *name, *port;  // port: "" for the usual one
};

// One address of one of the hosts.
struct postgresql_target {
        const struct postgresql_host *host;
        char address[ADDRESS_MAX];  // "": a socket's path, or libpq's own default
};

// A look-up outlives its address: the system's cannot be stopped.
struct lookup {
        uv_getaddrinfo_t request;
        struct postgresql_address *address;  // NULL: it is gone
};

struct postgresql_address {
        PQconninfoOption *options;  // as given
        const char *authority;
        struct postgresql_host hosts[HOSTS_MAX];
        size_t n_hosts;

        struct lookup *lookup;  // under way; NULL: none
        struct loop *loop;
        size_t n_looked_up;
        struct postgresql_target targets[TARGETS_MAX];
        size_t n_targets;
        unsigned n_resolved;  // times
        char trouble[256];

        const char *keywords[KEYWORDS_MAX + 1], *values[KEYWORDS_MAX + 1];
        size_t n_keywords;
        char *names, *addresses, *ports;  // lists, of the targets

        void (*on_done)(void *context, const char *const *keywords, const char *const *values,
                        const char *trouble);
        void *context;
};

// --- reading ---------------------------------------------------------------------------

static const char *option_get(const struct postgresql_address *address, const char *keyword) {
        for (const PQconninfoOption *option = address->options; option->keyword; option++)
                if (strcmp(option->keyword, keyword) == 0)
                        return option->val && option->val[0] != '\0' ? option->val : NULL;
        return NULL;
}

// The next part of a list with commas; NULL behind the last. The caller frees it.
static char *list_next(const char **list) {
        const char *begin = *list;
        size_t n;

        if (!begin)
                return NULL;
        n = strcspn(begin, ",");
        *list = begin[n] == ',' ? begin + n + 1 : NULL;
        return strndup(begin, n);
}

static bool is_port(const char *text) {
        size_t n = strlen(text);

        return n <= 5 && strspn(text, "0123456789") == n;
}

// Where a password's own '@', ':' or '/' was left as it is, parts of it are taken for others,
// which libpq would repeat in its errors.
static const char odd_url[] = "url: it is no address of a PostgreSQL server such as "
                              "postgresql://user:password@host:5432/database (in the password, "
                              "characters such as @ : / ? % are percent-encoded)";

static int hosts_read(struct postgresql_address *address, struct error *error) {
        const char *hosts = option_get(address, "host");
        const char *ports = option_get(address, "port");
        char *port = list_next(&ports);

        if (option_get(address, "hostaddr"))
                hosts = NULL;  // nothing to be looked up
        else if (!hosts)
                hosts = getenv("PGHOST");  // as libpq would
        for (char *name; (name = list_next(&hosts)) != NULL;) {
                struct postgresql_host *host = &address->hosts[address->n_hosts];

                if (address->n_hosts == HOSTS_MAX) {
                        free(name);
                        free(port);
                        return error_set(error, -EINVAL, "url: more than %d hosts", HOSTS_MAX);
                }
                *host = (struct postgresql_host){.name = name,
                                                 .port = xstrdup(port ? port : "")};
                address->n_hosts++;
                if (ports) {  // else the last one holds for all
                        free(port);
                        port = list_next(&ports);
                }
                if (strchr(name, '@') || !is_port(host->port)) {
                        free(port);
                        return error_set(error, -EINVAL, "%s", odd_url);
                }
        }
        free(port);
        return 0;
}

// A service's file may have names of hosts, which libpq would look up by itself: on the loop.
static int services_check(const struct postgresql_address *address, struct error *error) {
        if (option_get(address, "service"))
                return error_set(error, -EINVAL,
                                 "url: service is not looked up: write what it stands for");
        if (address->n_hosts == 0 && !option_get(address, "hostaddr") && getenv("PGSERVICE"))
                return error_set(error, -EINVAL,
                                 "url: PGSERVICE, which the environment has, is not looked up: "
                                 "name the host here");
        return 0;
}

// The authority alone would not do.
static int security_check(const struct postgresql_address *address, struct error *error) {
        const char *mode = option_get(address, "sslmode");

        if (address->authority && mode && strcmp(mode, "verify-full") != 0)
                return error_set(error, -EINVAL,
                                 "url: sslmode is verify-full where there is an authority: "
                                 "leave it out");
        return 0;
}

int postgresql_address_new(struct postgresql_address **ret, const char *url,
                           const char *authority, struct error *error) {
        CLEANUP(postgresql_address_freep)
        struct postgresql_address *address = xnew(struct postgresql_address);
        const char *database;
        char *words = NULL;
        int r;

        address->authority = authority;
        address->options = PQconninfoParse(url, &words);
        PQfreemem(words);
        if (!address->options)
                return error_set(error, -EINVAL, "%s", odd_url);
        database = option_get(address, "dbname");
        if (database && strchr(database, '@'))
                return error_set(error, -EINVAL, "%s", odd_url);
        r = hosts_read(address, error);
        if (r == 0)
                r = services_check(address, error);
        if (r == 0)
                r = security_check(address, error);
        if (r < 0)
                return r;
        *ret = TAKE(address);
        return 0;
}

// --- what libpq is told ----------------------------------------------------------------

static void keyword_add(struct postgresql_address *address, const char *keyword,
                        const char *value) {
        if (address->n_keywords == KEYWORDS_MAX)
                return;
        address->keywords[address->n_keywords] = keyword;
        address->values[address->n_keywords++] = value;
}

static void keyword_add_default(struct postgresql_address *address, const char *keyword,
                                const char *value) {
        if (!option_get(address, keyword))
                keyword_add(address, keyword, value);
}

// Lists of the targets, beginning with another one each time.
static void targets_list(struct postgresql_address *address) {
        size_t first = address->n_resolved++ % address->n_targets;
        FILE *names, *addresses, *ports;
        char *lists[3];
        size_t n[3];

        names = open_memstream(&lists[0], &n[0]);
        addresses = open_memstream(&lists[1], &n[1]);
        ports = open_memstream(&lists[2], &n[2]);
        if (!names || !addresses || !ports)
                abort();  // out of memory
        for (size_t i = 0; i < address->n_targets; i++) {
                const struct postgresql_target *target =
                        &address->targets[(first + i) % address->n_targets];
                const char *comma = i > 0 ? "," : "";

                fprintf(names, "%s%s", comma, target->host->name);
                fprintf(addresses, "%s%s", comma, target->address);
                fprintf(ports, "%s%s", comma, target->host->port);
        }
        if (fclose(names) != 0 || fclose(addresses) != 0 || fclose(ports) != 0)
                abort();  // out of memory
        address->names = lists[0];
        address->addresses = lists[1];
        address->ports = lists[2];
}

static void lists_free(struct postgresql_address *address) {
        address->names = mem_free(address->names);
        address->addresses = mem_free(address->addresses);
        address->ports = mem_free(address->ports);
}

static bool is_hosts_keyword(const char *keyword) {
        return strcmp(keyword, "host") == 0 || strcmp(keyword, "hostaddr") == 0 ||
               strcmp(keyword, "port") == 0;
}

static void keywords_make(struct postgresql_address *address) {
        bool has_targets = address->n_targets > 0;

        lists_free(address);
        address->n_keywords = 0;
        for (const PQconninfoOption *option = address->options; option->keyword; option++)
                if (option->val && !(has_targets && is_hosts_keyword(option->keyword)))
                        keyword_add(address, option->keyword, option->val);
        if (has_targets) {
                targets_list(address);
                keyword_add(address, "host", address->names);
                keyword_add(address, "hostaddr", address->addresses);
                keyword_add(address, "port", address->ports);
        }
        if (address->authority) {
                keyword_add_default(address, "sslrootcert", address->authority);
                keyword_add_default(address, "sslmode", "verify-full");
        }
        keyword_add_default(address, "application_name", "eavesdrop");
        keyword_add_default(address, "keepalives_idle", KEEPALIVE_IDLE);
        keyword_add_default(address, "tcp_user_timeout", UNANSWERED_BYTES);
        keyword_add_default(address, "gssencmode", "disable");  // it would wait for Kerberos
        keyword_add(address, "client_encoding", "UTF8");
        address->keywords[address->n_keywords] = address->values[address->n_keywords] = NULL;
}

// --- looking up ------------------------------------------------------------------------

static void hosts_look_up(struct postgresql_address *address);

static void target_add(struct postgresql_address *address, const struct addrinfo *info) {
        struct postgresql_target *target = &address->targets[address->n_targets];

        if (address->n_targets == TARGETS_MAX)
                return;
        *target = (struct postgresql_target){.host = &address->hosts[address->n_looked_up]};
        if (info && getnameinfo(info->ai_addr, info->ai_addrlen, target->address, ADDRESS_MAX,
                                NULL, 0, NI_NUMERICHOST) != 0)
                return;
        address->n_targets++;
}

static void lookup_on_done(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
        struct lookup *lookup = request->data;
        struct postgresql_address *address = lookup->address;

        if (address) {
                address->lookup = NULL;
                for (const struct addrinfo *info = found; info; info = info->ai_next)
                        target_add(address, info);
                if (status < 0)
                        snprintf(address->trouble, sizeof(address->trouble),
                                 "the host %s is not found: %s",
                                 address->hosts[address->n_looked_up].name,
                                 uv_strerror(status));
                address->n_looked_up++;
                hosts_look_up(address);
        }
        uv_freeaddrinfo(found);
        free(lookup);
}

static bool is_socket(const char *host) {
        return host[0] == '/' || host[0] == '@' || host[0] == '\0';
}

// The next of them, until all are done.
static void hosts_look_up(struct postgresql_address *address) {
        static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
        struct lookup *lookup;

        for (; address->n_looked_up < address->n_hosts; address->n_looked_up++) {
                const char *name = address->hosts[address->n_looked_up].name;
                int r;

                if (is_socket(name)) {
                        target_add(address, NULL);
                        continue;
                }
                lookup = xnew(struct lookup);
                lookup->request.data = lookup;
                lookup->address = address;
                r = uv_getaddrinfo(loop_uv(address->loop), &lookup->request, lookup_on_done,
                                   name, NULL, &hints);
                if (r == 0) {
                        address->lookup = lookup;
                        return;
                }
                free(lookup);
                snprintf(address->trouble, sizeof(address->trouble),
                         "the host %s is not found: %s", name, uv_strerror(r));
        }
        if (address->n_hosts > 0 && address->n_targets == 0) {
                address->on_done(address->context, NULL, NULL, address->trouble);
                return;
        }
        keywords_make(address);
        address->on_done(address->context, address->keywords, address->values, NULL);
}

void postgresql_address_cancel(struct postgresql_address *address) {
        if (address->lookup)
                address->lookup->address = NULL;
        address->lookup = NULL;
}

void postgresql_address_resolve(struct postgresql_address *address, struct loop *loop,
                                void (*on_done)(void *context, const char *const *keywords,
                                                const char *const *values, const char *trouble),
                                void *context) {
        postgresql_address_cancel(address);
        address->loop = loop;
        address->n_looked_up = address->n_targets = 0;
        address->on_done = on_done;
        address->context = context;
        hosts_look_up(address);
}

struct postgresql_address *postgresql_address_free(struct postgresql_address *address) {
        if (!address)
                return NULL;
        postgresql_address_cancel(address);
        for (size_t i = 0; i < address->n_hosts; i++) {
                free(address->hosts[i].name);
                free(address->hosts[i].port);
        }
        lists_free(address);
        PQconninfoFree(address->options);
        return mem_free(address);
}
