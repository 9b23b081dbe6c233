// eavesdrop certificate: a certificate of one's own, for a server that only its own house
// knows.
#include <errno.h>
#include <ifaddrs.h>
#include <jansson.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cli_options.h"
#include "config/config.h"
#include "net/origin.h"
#include "net/own_certificate.h"
#include "util/mem.h"

#define SECONDS_PER_DAY ((int64_t)86400)
#define CLOCKS_APART    3600  // a client's clock may be behind by so many seconds

static const struct option_entry entries[] = {
        {"config", "FILE", "configuration file that names the state folder", NULL, 'c'},
        {0},
};

static const struct options_verb verb = {
        .name = "certificate",
        .operands = "new [NAME...]",
        .about =
                "new  make a certificate for this machine's names and addresses, or for those\n"
                "     given, so that browsers and phones in the same network can talk to the\n"
                "     server encrypted. It is signed by an authority of your own, which is "
                "made\n"
                "     the first time and which they are told once to trust.\n"
                "\n"
                "It lasts 397 days. Make it anew before, and send the server SIGHUP.\n",
        .entries = entries,
};

struct names {
        char *items[OWN_NAMES_MAX];
        size_t n;
};

static void names_deinit(struct names *names) {
        for (size_t i = 0; i < names->n; i++)
                free(names->items[i]);
}

// --- what the machine is called
// ----------------------------------------------------------------

// Add a copy, once, of what can be in a certificate. Beyond the most there may be it is left
// out.
static void names_add(struct names *names, const char *name) {
        for (size_t i = 0; i < names->n; i++)
                if (strcasecmp(names->items[i], name) == 0)
                        return;
        if (names->n < OWN_NAMES_MAX && own_certificate_name_check(name, NULL) == 0)
                names->items[names->n++] = xstrdup(name);
}

// Addresses that others can reach: an IPv6 one of a single link has no place in a certificate.
static void names_add_addresses(struct names *names) {
        struct ifaddrs *interfaces = NULL;

        if (getifaddrs(&interfaces) != 0)
                return;
        for (const struct ifaddrs *at = interfaces; at; at = at->ifa_next) {
                bool is_ipv6 = at->ifa_addr && at->ifa_addr->sa_family == AF_INET6;
                char host[NI_MAXHOST];

                if (!at->ifa_addr || !(at->ifa_flags & IFF_UP) ||
                    (at->ifa_flags & IFF_LOOPBACK) ||
                    (!is_ipv6 && at->ifa_addr->sa_family != AF_INET))
                        continue;
                if (getnameinfo(at->ifa_addr,
                                is_ipv6 ? sizeof(struct sockaddr_in6)
                                        : sizeof(struct sockaddr_in),
                                host, sizeof(host), NULL, 0, NI_NUMERICHOST) == 0)
                        names_add(names, host);
        }
        freeifaddrs(interfaces);
}

static void names_add_own(struct names *names) {
        CLEANUP(mem_freep) char *hosts = origin_own_hosts();
        char *rest = hosts, *word;

        while ((word = strsep(&rest, " ")))
                names_add(names, word);
        names_add(names, "localhost");
        names_add_addresses(names);
        names_add(names, "127.0.0.1");
        names_add(names, "::1");
}

// The names given; without any, this machine's. -EINVAL, told, where one is none.
static int names_choose(struct names *names, char *const *given, size_t n) {
        struct error error;

        if (n == 0)
                names_add_own(names);
        if (n > OWN_NAMES_MAX) {
                complaint_print(verb.name, "%zu names are more than a certificate has here: %d",
                                n, OWN_NAMES_MAX);
                return -EINVAL;
        }
        for (size_t i = 0; i < n; i++) {
                if (own_certificate_name_check(given[i], &error) < 0) {
                        complaint_print(verb.name, "%s", error.text);
                        return -EINVAL;
                }
                names_add(names, given[i]);
        }
        return 0;
}

// --- what is told
// ------------------------------------------------------------------------------

// A path as YAML and JSON have it.
static char *path_quote(const char *folder, const char *name) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/%s", folder, name);
        json_t *text = json_string(path);
        char *quoted = text ? json_dumps(text, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;

        json_decref(text);
        return quoted ? quoted : xasprintf("'%s'", path);
}

static void result_print(const struct own_certificate_terms *terms) {
        CLEANUP(mem_freep) char *certificate = path_quote(terms->folder, "server.pem");
        CLEANUP(mem_freep) char *key = path_quote(terms->folder, "server.key");
        time_t until = (time_t)terms->until;
        struct tm broken_down;
        char date[16];

        gmtime_r(&until, &broken_down);
        strftime(date, sizeof(date), "%Y-%m-%d", &broken_down);
        printf("A certificate until %s for", date);
        for (size_t i = 0; i < terms->n_names; i++)
                printf("%s %s", i ? "," : "", terms->names[i]);
        printf(".\n\nTwo lines of the configuration use it (a server that has them takes the "
               "new one at SIGHUP):\n\n"
               "tls: {certificate: %s,\n"
               "      key: %s}\n\n",
               certificate, key);
        printf("Phones and browsers trust it once they have the authority's certificate:\n\n"
               "  %s/authority.pem\n\n"
               "The server hands it out, too, once it uses the new certificate: on its page,\n"
               "below the microphone, and at /authority.crt. Nobody gets authority.key: who\n"
               "has it can pass for any server there is.\n\n"
               "  Android   Settings > Security > Encryption and credentials > Install a\n"
               "            certificate > CA certificate\n"
               "  iPhone    open the file, Settings > General > VPN and Device Management >\n"
               "            install; then General > About > Certificate Trust Settings > on\n"
               "  Firefox   Settings > Privacy and Security > View Certificates > Authorities "
               ">\n"
               "            Import\n"
               "  Debian    as /usr/local/share/ca-certificates/eavesdrop.crt, then\n"
               "            update-ca-certificates\n",
               terms->folder);
}

// --- making it
// ---------------------------------------------------------------------------------

// Whether the server can read what is made here: what root makes is root's.
static int user_check(const char *state_dir) {
        struct stat status;

        if (geteuid() != 0 || stat(state_dir, &status) < 0 || status.st_uid == 0)
                return 0;
        complaint_print(verb.name,
                        "%s is another user's, and the key would be root's: run this as the "
                        "user of the server (runuser -u USER -- eavesdrop certificate new)",
                        state_dir);
        return -EPERM;
}

static int certificate_make(const struct config *config, const struct names *names) {
        CLEANUP(mem_freep) char *state_dir = config_state_dir(config);
        CLEANUP(mem_freep) char *folder = xasprintf("%s/certificates", state_dir);
        int64_t now = time(NULL);
        struct own_certificate_terms terms = {
                .folder = folder,
                .names = (const char *const *)names->items,
                .n_names = names->n,
                .from = now - CLOCKS_APART,
                .until = now + OWN_CERTIFICATE_DAYS * SECONDS_PER_DAY,
        };
        struct error error;

        if (user_check(state_dir) < 0)
                return EXIT_TROUBLE;
        if (own_certificate_make(&terms, &error) < 0) {
                complaint_print(verb.name, "%s", error.text);
                return EXIT_TROUBLE;
        }
        result_print(&terms);
        return EXIT_OK;
}

int cli_certificate(int argc, char **argv) {
        CLEANUP(config_freep) struct config *config = NULL;
        CLEANUP(names_deinit) struct names names = {0};
        struct cli_options options;
        const struct options *given = &options.options;
        int r = cli_options_parse(&options, &verb, SETTING_READ, argc, argv);

        if (r >= 0)
                return r;
        if (given->n_operands == 0 || strcmp(given->operands[0], "new") != 0) {
                complaint_print_value(verb.name, "expected new, not ",
                                      given->n_operands ? given->operands[0] : "nothing");
                return EXIT_USAGE;
        }
        if (names_choose(&names, given->operands + 1, given->n_operands - 1) < 0 ||
            cli_options_config(&config, &options, options_get(given, "config")) < 0)
                return EXIT_USAGE;
        return certificate_make(config, &names);
}
