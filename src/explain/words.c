/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tells a report from other mail and its lines from each other, in many languages: stems and
 * phrases, each for one sense. What a refusal means is not asked here; that is the knowledge's.
 */
#include "explain/inside.h"

/* A line that names a recipient and has one of these speaks of a failure. */
static const char *const failure[] = {"deliver", "fail", "could not", "couldn't", "cannot", "can't",
	"unable", "reject", "return", "not be", "wasn't", "error", "bounce", "refuse", "unknown",
	"invalid", "no such", "reach", "not a member", "duplicated", "exceed", "full", "quota",
	"not exist", "disabled", "undeliverable", "not found", "not recognized", "blocked",
	"denied", "not match", "did not receive", "nicht zu", "nicht gef", "unzustell", "fehler",
	"unbekannt", "existiert nicht", "pas pu", "pas être", "inconnu", "impossible", "erreur",
	"échec", "non remis", "no se pudo", "no se ha podido", "no pudo ser", "no existe",
	"desconocid", "entregad", "non consegnat", "impossibile", "sconosciut", "inesistente",
	"não p", "não foi", "desconhecid", "falh", "niet worden", "onbekend", "nie mo", "nieznan",
	"не может", "не был", "не удал", "не достав", "не сущ", "недостав", "ошибк", "配信でき",
	"送信でき", "失敗", "届き", "见つかり", "無法", "无法", "失败", "不存在", "退回", "拒",
	"없습니다", "실패", NULL};

/* A mail says that a mail did not arrive. */
static const char *const not_delivered[] = {"could not be delivered", "cannot be delivered",
	"can not be delivered", "couldn't be delivered", "undeliverable", "delivery failed",
	"unable to deliver", "not delivered", "not been delivered", "yet been delivered",
	"trouble delivering", "delivery to the following recipients failed",
	"delivery to the following recipient failed", "following address failed",
	"address(es) failed", "has been returned because", "was returned because",
	"could not deliver", "unable to be delivered", "not allowed to post", "has been rejected",
	"was rejected", "only subscribers may", "not permitted to post",
	"non-members are not allowed", "you are not subscribed", "posting was refused",
	"été rejeté", "été refusé", "abgelehnt", "zurückgewiesen", "sido rechazado",
	"stato rifiutato", "foi rejeitada", "została odrzucona", "отклонен",
	"not authorized to send", "could not be sent", "was rejected by", "delivery has failed",
	"did not reach", "did not receive", "wasn't able to deliver", "wasn't delivered",
	"failed to deliver", "not be reached", "permanent fatal errors", "had delivery errors",
	"had delivery problems", "has encountered delivery problems", "did not exactly match",
	"did not match", "errors occurred when trying to deliver", "receiver not found",
	"nicht zugestellt", "unzustellbar", "konnte nicht gesendet", "pas pu être",
	"n'a pas été remis", "non remis", "impossible de remettre", "échec de la remise",
	"no se pudo entregar", "no pudo ser entregad", "no se ha podido entregar", "no entregado",
	"non è stato possibile", "non consegnat", "impossibile recapitare", "mancata consegna",
	"não pôde ser entregue", "não foi entregue", "não entregue", "niet worden bezorgd",
	"niet bezorgd", "niet afgeleverd", "nie mogła zostać", "nie została dostarczona",
	"nie dostarczono", "не может быть достав", "не было достав", "не доставлено",
	"не удалось достав", "Не удалось достав", "недостав", "Недостав", "配信できま",
	"送信できま", "送信に失敗", "配信に失敗", "届きません", "無法投遞", "无法投递", "无法发送",
	"投递失败", "退信", "退回", "전송하지 못", "전송 실패", NULL};

static const char *const delay[] = {"delayed", "has not yet been delivered",
	"have not yet been delivered", "still trying", "will continue to attempt",
	"will be retried", "will keep trying", "warning: message", "this is a warning",
	"not yet been delivered", "delivery attempts will continue", "will continue to try",
	"transient error", "transient non-fatal", "just a warning", "warning only",
	"warning message only", "advisory-only", "been postponed", "will try again", "will retry",
	"next attempt", "no action is required on your part", "have not been reached so far",
	"noch nicht zugestellt", "verzögert", "retardé", "pas encore été", "retrasad", "demorad",
	"in ritardo", "ritardata", "atrasad", "vertraagd", "opóźni", "задерж", "Задерж", "遅延",
	"遅れて", "延迟", "延遲", "지연", NULL};

/* At the beginning of a word: "unsuccessful delivery attempts" are none. */
static const char *const success[] = {"successfully delivered", "successful delivery",
	"delivered successfully", "was successful", "successfully relayed", "delivery receipt",
	"successful mail delivery", "is complete, but no delivery notification",
	"was delivered to the following", "have been delivered to", "has been delivered to",
	"successfully sent", "erfolgreich zugestellt", "wurde zugestellt", "remis avec succès",
	"entregado correctamente", "consegnato correttamente", NULL};

static const char *const report_sender[] = {"mailer-daemon", "postmaster", "mail delivery",
	"mail-daemon", "maildaemon", "delivery subsystem", "mail system", "mail administrator",
	"system administrator", "mailsystem", "mdaemon", "mail deliver", "imss", "smtp32",
	"mail router", "post_master", "mailerdaemon", "mailer daemon", "systemadministrator",
	"mail-system", "postoffice", "microsoftexchange", NULL};

static const char *const report_subject[] = {"undeliver", "delivery status", "failure notice",
	"returned mail", "returned to sender", "delivery fail", "mail failure", "mail error",
	"could not be delivered", "delivery problem", "delivery error", "non-deliver", "nondeliver",
	"delivery has failed", "delivery notification", "failed mail", "failure delivery",
	"delivery report", "not delivered", "message delayed", "delayed", "could not be sent",
	"cannot be delivered", "processing error", "mail system error", "error sending your mail",
	"notice: mail delivery", "delivery failure", "permanent fail", "bounce", "rejected",
	"warning: message", "not been delivered", "unable to deliver", "returning message",
	"not member", "not a member", "loop alert", "error condition", "delivery failed",
	"mail failed", "message status", "mail delivery", "returning to sender", "user unknown",
	"not deliverable", "rejeté", "refusé", "abgelehnt", "rechazad", "rifiutat", "rejeitad",
	"odrzuc", "отклон", "Message distribution", "unzustellbar", "nicht zugestellt",
	"zustellung", "non remis", "non distribu", "échec", "non délivr", "no entregad", "devuelto",
	"no se pudo entregar", "no se ha podido entregar", "mancat", "non recapit", "non consegnat",
	"não entregue", "falha na entrega", "devolvid", "onbestelbaar", "niet bezorgd",
	"nie dostarczono", "niedostarcz", "недостав", "Недостав", "не доставлен", "Сбой", "возврат",
	"Возврат", "nedoru", "olevererbar", "ej levererad", "ikke leveret", "teslim edileme",
	"kézbesíthetetlen", "配信", "届き", "送信でき", "配達", "エラー", "退信", "投递失败",
	"无法投递", "退回", "傳遞", "반송", "전송 실패", NULL};

static const char *const away_subject[] = {"out of office", "out of the office", "automatic reply",
	"auto reply", "autoreply", "auto-reply", "auto response", "autoresponse", "auto-response",
	"auto:", "automated reply", "automated response", "automatische antwort", "abwesen",
	"automatisch beantwoord", "afwezig", "vacation", "on leave", "on holiday",
	"réponse automatique", "absence du bureau", "absent du bureau", "respuesta automática",
	"fuera de la oficina", "ausente", "risposta automatica", "fuori ufficio",
	"resposta automática", "away from my mail", "autosvar", "automatyczna odpowied",
	"autoodpowied", "nieobecno", "poza biurem", "automatická odpov", "自動応答", "自動返信",
	"不在", "автоответ", "Автоответ", "自动回复", "自動回覆", "자동 회신", "부재중", NULL};

static const char *const away_body[] = {"out of the office", "out of office", "on vacation",
	"on holiday", "away from the office", "automatically generated reply", "automatic reply",
	"autoreply", "auto-reply", "autoresponder", "this is an automated response", "annual leave",
	"maternity leave", "nicht im haus", "nicht im büro", "im urlaub", "im ausland", "abwesen",
	"absent du bureau", "en congés", "de vacaciones", "fuera de la oficina", "in ferie",
	"fuori ufficio", "de férias", "op vakantie", "na urlopie", "nieobecn", "в отпуске", "出張",
	"休暇", "不在", "automatically forwarded", "message has been forwarded",
	"mail has been forwarded", "been forwarded to", NULL};

/* Someone asks for a sign that a person wrote, or that a wish is meant. */
static const char *const challenge[] = {"requires confirmation", "require confirmation",
	"confirm that you want to be", "to confirm that you", "confirm your message",
	"confirm your email", "requires verification", "requires that you verify",
	"real live human", "are a human", "are a real person", "not a spammer",
	"has not been verified", "to release your message", "guest list", "approved senders",
	"approved sender list", "list of approved", "one-time verification",
	"one time verification", "sender verification", "challenge/response", "challenge-response",
	"verify your email address", "awaiting your confirmation", "prove that you",
	"protected by spam arrest", "spamarrest", "reply to this message to have your",
	"to have your message delivered", "simply reply to this message",
	"just reply to this message", "confirmation notice", "subscription confirmation",
	"your confirmation is required", NULL};

static const struct {
	const char *const *words;
	bool begins; /* at the beginning of a word only */
} senses[] = {
	[SENSE_FAILURE] = {failure, false},
	[SENSE_NOT_DELIVERED] = {not_delivered, false},
	[SENSE_DELAY] = {delay, false},
	[SENSE_SUCCESS] = {success, true},
	[SENSE_REPORT_SENDER] = {report_sender, false},
	[SENSE_REPORT_SUBJECT] = {report_subject, false},
	[SENSE_AWAY_SUBJECT] = {away_subject, true},
	[SENSE_AWAY_BODY] = {away_body, true},
	[SENSE_CHALLENGE] = {challenge, true},
};

static bool has_beginning(struct slice text, struct slice word)
{
	for (size_t from = 0; from < text.len;) {
		size_t at = find_nocase(slice_from(text, from), word);
		if (at == SIZE_MAX)
			return false;
		at += from;
		if (at == 0 || !ascii_is_alpha(text.at[at - 1]))
			return true;
		from = at + 1;
	}
	return false;
}

bool tells(struct slice text, enum sense sense)
{
	const char *const *word = senses[sense].words;

	for (; *word; word++)
		if (senses[sense].begins ? has_beginning(text, slice_of(*word))
					 : has_nocase(text, *word))
			return true;
	return false;
}
