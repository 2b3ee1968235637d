/* VTY of numbers: nodes "number-rules NAME", their use by a SIP peer and by the phones, and what numbers mean in this
 * country (node "call"). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>
#include <osmocom/vty/misc.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/ua/sip_peer.h>

#include "vty_internal.h"

#define RULES_STR "Rules by which numbers are rewritten, for one or more sides\n"
#define USE_STR	  "Rewrite numbers from and to this side\n"

static struct cmd_node number_rules_node = { NUMBER_RULES_NODE, "%s(config-number-rules)# ", 1 };

static struct numbering *numbering(void)
{
	return &vty_gw->calls->numbering;
}

DEFUN(cfg_number_rules, cfg_number_rules_cmd, "number-rules NAME", RULES_STR "Name of them\n")
{
	struct number_rules *rules;

	if (!vty_arg_is_name(vty, argv[0]))
		return CMD_WARNING;
	rules = number_rules_get(vty_gw->calls, argv[0]);
	rules->defined = true;
	vty->node = NUMBER_RULES_NODE;
	vty->index = rules;
	return CMD_SUCCESS;
}

static struct number_rules *rules_arg(struct vty *vty, const char *name)
{
	struct number_rules *rules = number_rules_find(numbering(), name);

	/* in a file they may stand further down: sipgw_config_check() looks when all is read */
	if (!rules && vty->type == VTY_FILE)
		rules = number_rules_get(vty_gw->calls, name);
	if (!rules)
		vty_out(vty, "%% There are no number-rules '%s'%s", name, VTY_NEWLINE);
	return rules;
}

DEFUN(cfg_no_number_rules, cfg_no_number_rules_cmd, "no number-rules NAME", NO_STR RULES_STR "Name of them\n")
{
	struct number_rules *rules = rules_arg(vty, argv[0]);

	if (!rules)
		return CMD_WARNING;
	if (number_rules_in_use(numbering(), rules)) {
		vty_out(vty, "%% They are in use: first 'no number-rules' there%s", VTY_NEWLINE);
		return CMD_WARNING;
	}
	number_rules_free(rules);
	return CMD_SUCCESS;
}

/* ---- a rule ---- */

static bool is_dial_string(const char *str)
{
	if (*str == '+')
		str++;
	return strlen(str) <= NUMBER_MAX_DIGITS && strspn(str, "0123456789*#abcABC") == strlen(str);
}

/* "strip 3", "prepend +49", "ton national": false if that is none of it */
static bool take_action(struct number_rule *rule, const char *word, const char *value)
{
	bool is_number = *value && strspn(value, "0123456789") == strlen(value);

	if (!strcmp(word, "strip") && is_number && strlen(value) < 3) {
		rule->strip = atoi(value);
	} else if (!strcmp(word, "prepend") && *value && is_dial_string(value)) {
		osmo_talloc_replace_string(rule, &rule->prepend, value);
	} else if (!strcmp(word, "ton")) {
		rule->type = get_string_value(number_type_names, value);
		return rule->type >= 0;
	} else {
		return false;
	}
	return true;
}

static bool take_actions(struct vty *vty, struct number_rule *rule, int argc, const char *argv[])
{
	int i;

	for (i = 0; i < argc; i += 2) {
		if (take_action(rule, argv[i], i + 1 < argc ? argv[i + 1] : ""))
			continue;
		vty_out(vty, "%% Not understood: '%s %s'; expected strip NUMBER, prepend DIGITS,%s", argv[i],
			i + 1 < argc ? argv[i + 1] : "", VTY_NEWLINE);
		vty_out(vty, "%%   ton unknown|international|national|network|short%s", VTY_NEWLINE);
		return false;
	}
	return true;
}

static int add_rule(struct vty *vty, const char *argv[], const char *how, const char *pattern, int n_actions,
		    const char *actions[])
{
	struct number_rule *rule = number_rule_add(vty->index, get_string_value(number_dir_names, argv[0]),
						   get_string_value(number_party_names, argv[1]));
	const char *why;

	if (number_match_set(rule, &rule->match, get_string_value(number_match_names, how), pattern, &why) < 0)
		vty_out(vty, "%% Not a pattern: '%s': %s%s", pattern, why, VTY_NEWLINE);
	else if (take_actions(vty, rule, n_actions, actions))
		return CMD_SUCCESS;
	number_rule_free(rule);
	return CMD_WARNING;
}

#define RULE_STR                                                                                                       \
	"Add a rule; for each number the first that matches counts\n"                                                  \
	"For calls that come from that side\nFor calls that go to it\n"                                                \
	"The called number\nThe calling number\nWho passed the call on\nWho answered\n"
#define RULE_CMD    "rule (in|out) (called|calling|redirecting|connected) "
#define ACTIONS_STR "'strip NUMBER' characters ('+' is one), then 'prepend DIGITS'; 'ton TYPE'\n"

DEFUN(cfg_rule, cfg_rule_cmd, RULE_CMD "(prefix|number|regexp) PATTERN .ACTIONS",
      RULE_STR "What it begins with\nThe whole number\nA POSIX extended regular expression that is found in it\n"
	       "e.g. +4930, 0800, ^[1-4]...$\n" ACTIONS_STR)
{
	return add_rule(vty, argv, argv[2], argv[3], argc - 4, argv + 4);
}

DEFUN(cfg_rule_any, cfg_rule_any_cmd, RULE_CMD "any .ACTIONS", RULE_STR "All numbers\n" ACTIONS_STR)
{
	return add_rule(vty, argv, "any", NULL, argc - 2, argv + 2);
}

DEFUN(cfg_no_rule, cfg_no_rule_cmd, "no rule <1-65535>",
      NO_STR "Take a rule away\nWhich one, as in 'show number-rules'\n")
{
	struct number_rules *rules = vty->index;
	struct number_rule *rule;
	int no = 0;

	llist_for_each_entry (rule, &rules->rules, entry) {
		if (++no != atoi(argv[0]))
			continue;
		number_rule_free(rule);
		return CMD_SUCCESS;
	}
	vty_out(vty, "%% There is no rule %s%s", argv[0], VTY_NEWLINE);
	return CMD_WARNING;
}

static char *rule_str(const struct number_rule *rule)
{
	char *str = talloc_asprintf(OTC_SELECT, "%s %s %s%s%s", get_value_string(number_dir_names, rule->dir),
				    get_value_string(number_party_names, rule->party),
				    get_value_string(number_match_names, rule->match.how),
				    rule->match.pattern ? " " : "", rule->match.pattern ?: "");

	if (rule->strip)
		str = talloc_asprintf_append(str, " strip %u", rule->strip);
	if (rule->prepend)
		str = talloc_asprintf_append(str, " prepend %s", rule->prepend);
	if (rule->type >= 0)
		str = talloc_asprintf_append(str, " ton %s", get_value_string(number_type_names, rule->type));
	if (!rule->strip && !rule->prepend && rule->type < 0)
		str = talloc_asprintf_append(str, " strip 0"); /* it keeps the rules behind it away */
	return str;
}

static int write_number_rules(struct vty *vty)
{
	const struct number_rules *rules;
	const struct number_rule *rule;

	llist_for_each_entry (rules, &numbering()->plans, entry) {
		vty_out(vty, "number-rules %s%s", rules->name, VTY_NEWLINE);
		llist_for_each_entry (rule, &rules->rules, entry)
			vty_out(vty, " rule %s%s", rule_str(rule), VTY_NEWLINE);
	}
	return !llist_empty(&numbering()->plans);
}

static void show_users(struct vty *vty, const struct number_rules *rules)
{
	const struct number_rules_use *use;
	char *str = talloc_strdup(OTC_SELECT, numbering()->gsm == rules ? ", the phones" : "");

	llist_for_each_entry (use, &numbering()->uses, entry) {
		if (use->plan == rules)
			str = talloc_asprintf_append(str, ", %s", use->peer);
	}
	vty_out_wrapped(vty, "  Used by: ", *str ? str + 2 : "nobody");
}

DEFUN(show_number_rules, show_number_rules_cmd, "show number-rules",
      SHOW_STR "Rules by which numbers are rewritten, and who uses them\n")
{
	const struct number_rules *rules;
	const struct number_rule *rule;
	unsigned int no;

	llist_for_each_entry (rules, &numbering()->plans, entry) {
		no = 1;
		vty_out(vty, "Number rules %s%s", rules->name, VTY_NEWLINE);
		show_users(vty, rules);
		llist_for_each_entry (rule, &rules->rules, entry)
			vty_out(vty, "  %3u %s%s", no++, vty_fit(rule_str(rule), 73), VTY_NEWLINE);
	}
	if (llist_empty(&numbering()->plans))
		vty_out(vty, "No number rules are configured.%s", VTY_NEWLINE);
	return CMD_SUCCESS;
}

/* ---- who uses them ---- */

DEFUN(cfg_peer_number_rules, cfg_peer_number_rules_cmd, "number-rules NAME", USE_STR "Name of the rules\n")
{
	const struct sip_peer *peer = vty->index;
	struct number_rules *rules = rules_arg(vty, argv[0]);

	if (!rules)
		return CMD_WARNING;
	numbering_set_peer(vty_gw->calls, peer->name, rules);
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_no_number_rules, cfg_peer_no_number_rules_cmd, "no number-rules", NO_STR "Numbers stay as they are\n")
{
	numbering_set_peer(vty_gw->calls, ((const struct sip_peer *)vty->index)->name, NULL);
	return CMD_SUCCESS;
}

static void write_part(struct vty *vty, const struct sip_peer *peer)
{
	const struct number_rules *rules = numbering_of_peer(numbering(), peer->name);

	if (rules)
		vty_out(vty, " number-rules %s%s", rules->name, VTY_NEWLINE);
}

static void show_part(struct vty *vty, const struct sip_peer *peer)
{
	const struct number_rules *rules = numbering_of_peer(numbering(), peer->name);

	if (rules)
		vty_out(vty, "  Number rules: %s%s", rules->name, VTY_NEWLINE);
}

static void init_part(void)
{
	install_element(SIP_PEER_NODE, &cfg_peer_number_rules_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_no_number_rules_cmd);
}

const struct sip_peer_vty_part sip_peer_vty_numbers = { .init = init_part, .write = write_part, .show = show_part };

DEFUN(cfg_call_number_rules, cfg_call_number_rules_cmd, "number-rules NAME",
      "Rewrite numbers from and to the phones\nName of the rules\n")
{
	struct number_rules *rules = rules_arg(vty, argv[0]);

	if (!rules)
		return CMD_WARNING;
	numbering()->gsm = rules;
	return CMD_SUCCESS;
}

DEFUN(cfg_call_no_number_rules, cfg_call_no_number_rules_cmd, "no number-rules", NO_STR "Numbers stay as they are\n")
{
	numbering()->gsm = NULL;
	return CMD_SUCCESS;
}

/* ---- what numbers mean here ---- */

static int set_digits(struct vty *vty, char *buf, size_t len, const char *arg)
{
	if (!*arg || strlen(arg) >= len || strspn(arg, "0123456789") != strlen(arg)) {
		vty_out(vty, "%% Wrong value '%s': expected up to %zu digits%s", arg, len - 1, VTY_NEWLINE);
		return CMD_WARNING;
	}
	osmo_strlcpy(buf, arg, len);
	return CMD_SUCCESS;
}

DEFUN(cfg_country_code, cfg_country_code_cmd, "country-code DIGITS",
      "Make numbers international (E.164) where they come in\nCode of this country, e.g. 49\n")
{
	return set_digits(vty, numbering()->country_code, sizeof(numbering()->country_code), argv[0]);
}

DEFUN(cfg_no_country_code, cfg_no_country_code_cmd, "no country-code", NO_STR "Numbers stay as they come (default)\n")
{
	numbering()->country_code[0] = '\0';
	return CMD_SUCCESS;
}

DEFUN(cfg_int_prefix, cfg_int_prefix_cmd, "international-prefix DIGITS",
      "What people dial before a country code\ne.g. 00 (default)\n")
{
	return set_digits(vty, numbering()->international_prefix, sizeof(numbering()->international_prefix), argv[0]);
}

DEFUN(cfg_no_int_prefix, cfg_no_int_prefix_cmd, "no international-prefix", NO_STR "'+' only\n")
{
	numbering()->international_prefix[0] = '\0';
	return CMD_SUCCESS;
}

DEFUN(cfg_nat_prefix, cfg_nat_prefix_cmd, "national-prefix DIGITS",
      "What people dial before an area code\ne.g. 0 (default)\n")
{
	return set_digits(vty, numbering()->national_prefix, sizeof(numbering()->national_prefix), argv[0]);
}

DEFUN(cfg_no_nat_prefix, cfg_no_nat_prefix_cmd, "no national-prefix", NO_STR "Nothing\n")
{
	numbering()->national_prefix[0] = '\0';
	return CMD_SUCCESS;
}

DEFUN(cfg_unknown, cfg_unknown_cmd, "unknown-number (as-is|national)",
      "What a number is that has neither a type nor one of the prefixes\nIt stays (default)\nA national one\n")
{
	numbering()->unknown_is_national = !strcmp(argv[0], "national");
	return CMD_SUCCESS;
}

DEFUN(cfg_short, cfg_short_cmd, "short-numbers <0-15>",
      "Length of the numbers that stay with 'unknown-number national'\nUp to so many digits (default: 6)\n")
{
	numbering()->short_digits = atoi(argv[0]);
	return CMD_SUCCESS;
}

VTY_EXPECT(unknown_expect, "unknown-number VALUE", "What a number is that has neither a type nor a prefix\nWhat\n",
	   "as-is or national");
VTY_EXPECT(short_expect, "short-numbers VALUE", "Length of the numbers that stay\nDigits\n", "0 to 15");

static void write_prefix(struct vty *vty, const char *what, const char *value, const char *usual)
{
	if (!*value)
		vty_out(vty, " no %s%s", what, VTY_NEWLINE);
	else if (strcmp(value, usual))
		vty_out(vty, " %s %s%s", what, value, VTY_NEWLINE);
}

/* Lines of node "call" */
void number_vty_write_call(struct vty *vty)
{
	const struct numbering *num = numbering();

	if (*num->country_code)
		vty_out(vty, " country-code %s%s", num->country_code, VTY_NEWLINE);
	write_prefix(vty, "international-prefix", num->international_prefix, "00");
	write_prefix(vty, "national-prefix", num->national_prefix, "0");
	if (num->unknown_is_national)
		vty_out(vty, " unknown-number national%s", VTY_NEWLINE);
	if (num->short_digits != NUMBERING_SHORT_DEFAULT)
		vty_out(vty, " short-numbers %u%s", num->short_digits, VTY_NEWLINE);
	if (num->gsm)
		vty_out(vty, " number-rules %s%s", num->gsm->name, VTY_NEWLINE);
}

void number_vty_init(void)
{
	install_element_ve(&show_number_rules_cmd);

	install_element(CONFIG_NODE, &cfg_number_rules_cmd);
	install_element(CONFIG_NODE, &cfg_no_number_rules_cmd);
	install_node(&number_rules_node, write_number_rules);
	install_element(NUMBER_RULES_NODE, &cfg_rule_cmd);
	install_element(NUMBER_RULES_NODE, &cfg_rule_any_cmd);
	install_element(NUMBER_RULES_NODE, &cfg_no_rule_cmd);

	install_element(CALL_NODE, &cfg_call_number_rules_cmd);
	install_element(CALL_NODE, &cfg_call_no_number_rules_cmd);
	install_element(CALL_NODE, &cfg_country_code_cmd);
	install_element(CALL_NODE, &cfg_no_country_code_cmd);
	install_element(CALL_NODE, &cfg_int_prefix_cmd);
	install_element(CALL_NODE, &cfg_no_int_prefix_cmd);
	install_element(CALL_NODE, &cfg_nat_prefix_cmd);
	install_element(CALL_NODE, &cfg_no_nat_prefix_cmd);
	install_element(CALL_NODE, &cfg_unknown_cmd);
	install_element(CALL_NODE, &unknown_expect.cmd);
	install_element(CALL_NODE, &cfg_short_cmd);
	install_element(CALL_NODE, &short_expect.cmd);
}
