/* The MNCC protocol's versions as data: where members lie, how long messages are, what the words are called.
 *
 * osmo-msc announces in its HELLO which one it speaks. The version decides; sizes and offsets announced with it only
 * tell the two forms of version 8 apart, since test tools announce sizes that are not those of what they send. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/mncc/mncc_proto.h>

#include "mncc_internal.h"

const struct value_string mncc_msg_type_names[] = { { MNCC_MT_SETUP_REQ, "MNCC_SETUP_REQ" },
						    { MNCC_MT_SETUP_IND, "MNCC_SETUP_IND" },
						    { MNCC_MT_SETUP_RSP, "MNCC_SETUP_RSP" },
						    { MNCC_MT_SETUP_CNF, "MNCC_SETUP_CNF" },
						    { MNCC_MT_SETUP_COMPL_REQ, "MNCC_SETUP_COMPL_REQ" },
						    { MNCC_MT_SETUP_COMPL_IND, "MNCC_SETUP_COMPL_IND" },
						    { MNCC_MT_CALL_CONF_IND, "MNCC_CALL_CONF_IND" },
						    { MNCC_MT_CALL_PROC_REQ, "MNCC_CALL_PROC_REQ" },
						    { MNCC_MT_PROGRESS_REQ, "MNCC_PROGRESS_REQ" },
						    { MNCC_MT_ALERT_REQ, "MNCC_ALERT_REQ" },
						    { MNCC_MT_ALERT_IND, "MNCC_ALERT_IND" },
						    { MNCC_MT_NOTIFY_REQ, "MNCC_NOTIFY_REQ" },
						    { MNCC_MT_NOTIFY_IND, "MNCC_NOTIFY_IND" },
						    { MNCC_MT_DISC_REQ, "MNCC_DISC_REQ" },
						    { MNCC_MT_DISC_IND, "MNCC_DISC_IND" },
						    { MNCC_MT_REL_REQ, "MNCC_REL_REQ" },
						    { MNCC_MT_REL_IND, "MNCC_REL_IND" },
						    { MNCC_MT_REL_CNF, "MNCC_REL_CNF" },
						    { MNCC_MT_FACILITY_REQ, "MNCC_FACILITY_REQ" },
						    { MNCC_MT_FACILITY_IND, "MNCC_FACILITY_IND" },
						    { MNCC_MT_START_DTMF_IND, "MNCC_START_DTMF_IND" },
						    { MNCC_MT_START_DTMF_RSP, "MNCC_START_DTMF_RSP" },
						    { MNCC_MT_START_DTMF_REJ, "MNCC_START_DTMF_REJ" },
						    { MNCC_MT_STOP_DTMF_IND, "MNCC_STOP_DTMF_IND" },
						    { MNCC_MT_STOP_DTMF_RSP, "MNCC_STOP_DTMF_RSP" },
						    { MNCC_MT_MODIFY_REQ, "MNCC_MODIFY_REQ" },
						    { MNCC_MT_MODIFY_IND, "MNCC_MODIFY_IND" },
						    { MNCC_MT_MODIFY_RSP, "MNCC_MODIFY_RSP" },
						    { MNCC_MT_MODIFY_CNF, "MNCC_MODIFY_CNF" },
						    { MNCC_MT_MODIFY_REJ, "MNCC_MODIFY_REJ" },
						    { MNCC_MT_HOLD_IND, "MNCC_HOLD_IND" },
						    { MNCC_MT_HOLD_CNF, "MNCC_HOLD_CNF" },
						    { MNCC_MT_HOLD_REJ, "MNCC_HOLD_REJ" },
						    { MNCC_MT_RETRIEVE_IND, "MNCC_RETRIEVE_IND" },
						    { MNCC_MT_RETRIEVE_CNF, "MNCC_RETRIEVE_CNF" },
						    { MNCC_MT_RETRIEVE_REJ, "MNCC_RETRIEVE_REJ" },
						    { MNCC_MT_USERINFO_REQ, "MNCC_USERINFO_REQ" },
						    { MNCC_MT_USERINFO_IND, "MNCC_USERINFO_IND" },
						    { MNCC_MT_REJ_REQ, "MNCC_REJ_REQ" },
						    { MNCC_MT_REJ_IND, "MNCC_REJ_IND" },
						    { MNCC_MT_RTP_CREATE, "MNCC_RTP_CREATE" },
						    { MNCC_MT_RTP_CONNECT, "MNCC_RTP_CONNECT" },
						    { MNCC_MT_RTP_FREE, "MNCC_RTP_FREE" },
						    { MNCC_MT_FRAME_FR, "GSM_TCHF_FRAME" },
						    { MNCC_MT_FRAME_EFR, "GSM_TCHF_FRAME_EFR" },
						    { MNCC_MT_FRAME_HR, "GSM_TCHH_FRAME" },
						    { MNCC_MT_FRAME_AMR, "GSM_TCH_FRAME_AMR" },
						    { MNCC_MT_HELLO, "MNCC_SOCKET_HELLO" },
						    {} };

/* Offsets that osmo-msc announces, the same in all versions. */
#define HELLO_CALLED	 104
#define HELLO_SIGNAL	 796
#define HELLO_EMERGENCY	 812
#define HELLO_LCHAN_TYPE 832

/* osmo-msc up to 1.9 drops a message with a field bit it does not know, and it does not know GCR; one that announces
 * 1896 knows it. */
#define FIELDS_OLD 0x3fff
#define FIELDS_GCR 0x7fff

static const struct mncc_layout layouts[] = {
	{ /* osmo-msc 1.0.1 */
	  .version = 5,
	  .mncc_size = 836,
	  .rtp_size = 24,
	  .rtp_addr_off = 8,
	  .rtp_port_off = 12,
	  .rtp_pt_off = 16,
	  .rtp_pmt_off = 20,
	  .fields_mask = FIELDS_OLD },
	{ /* 1.6.0 */
	  .version = 6,
	  .mncc_size = 1860,
	  .rtp_size = 1048,
	  .sdp_off = 834,
	  .rtp_sdp_off = 24,
	  .rtp_addr_off = 8,
	  .rtp_port_off = 12,
	  .rtp_pt_off = 16,
	  .rtp_pmt_off = 20,
	  .fields_mask = FIELDS_OLD },
	{ /* 1.7.0 */
	  .version = 7,
	  .mncc_size = 1860,
	  .rtp_size = 1168,
	  .sdp_off = 834,
	  .rtp_sdp_off = 144,
	  .rtp_sockaddr = true,
	  .rtp_addr_off = 8,
	  .rtp_pt_off = 136,
	  .rtp_pmt_off = 140,
	  .fields_mask = FIELDS_OLD },
	{ /* 1.8.0 */
	  .version = 8,
	  .mncc_size = 1876,
	  .rtp_size = 1168,
	  .sdp_off = 850,
	  .gcr_off = 834,
	  .rtp_sdp_off = 144,
	  .rtp_sockaddr = true,
	  .rtp_addr_off = 8,
	  .rtp_pt_off = 136,
	  .rtp_pmt_off = 140,
	  .fields_mask = FIELDS_OLD },
	{ /* 1.12.0: two more members after sdp */
	  .version = 8,
	  .mncc_size = 1896,
	  .rtp_size = 1168,
	  .sdp_off = 850,
	  .gcr_off = 834,
	  .rtp_sdp_off = 144,
	  .rtp_sockaddr = true,
	  .rtp_addr_off = 8,
	  .rtp_pt_off = 136,
	  .rtp_pmt_off = 140,
	  .fields_mask = FIELDS_GCR },
};

/*! Which layout the MSC's HELLO stands for.
 *
 * The version picks it, and for version 8 the largest size that is not larger than what is announced.
 * \param[in] hello  what the MSC announced.
 * \param[out] note  if not NULL: what is odd about it, for the log; NULL when nothing is.
 * \returns the layout, NULL for a version that we do not know. */
const struct mncc_layout *mncc_layout_for(const struct mncc_hello *hello, const char **note)
{
	const struct mncc_layout *found = NULL;
	const char *odd = NULL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(layouts); i++) {
		if (layouts[i].version == hello->version && (!found || layouts[i].mncc_size <= hello->mncc_size))
			found = &layouts[i];
	}
	if (!found)
		odd = "unknown version";
	else if (hello->mncc_size < found->mncc_size)
		odd = "the size is smaller than this version's, the version's own layout is used";
	else if (hello->mncc_size > found->mncc_size)
		odd = "the size is larger than any that we know, what follows is left alone";
	else if (hello->called_offset != HELLO_CALLED || hello->signal_offset != HELLO_SIGNAL ||
		 hello->emergency_offset != HELLO_EMERGENCY || hello->lchan_type_offset != HELLO_LCHAN_TYPE)
		odd = "the offsets are not those of this version, its own layout is used";
	if (note)
		*note = odd;
	return found;
}
