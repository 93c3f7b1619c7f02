package portal

import "github.com/hearkeep/hearkeep"

// publicWords is what pages for people without an account say in one
// language. What room incident writes stands between them.
type publicWords struct {
	Skip, Other string // the link to the content; the label of the choice of language

	Report, ReportLead      string
	What, WhatHint          string // what happened
	Evidence, EvidenceHint  string // the id of an archive, or a receipt
	Reach, ReachHint        string
	Optional, Send          string
	Claim                   string // a device heard somebody: another page
	Thanks                  string
	Keep, KeepHint          string // the way back
	Yours, Came, Closed     string // a report, later
	Done, DoneNone, Another string

	Attest, Asked, Until    string // whoever was handed what is another's
	Choose, Name, NameHint  string
	Say, SayHint, Answer    string
	Attested, Refused, Over string
}

// wordsIn returns those of a language, or of English.
func wordsIn(l hearkeep.Language) publicWords {
	switch l.Or() {
	case "de":
		return publicWords{
			Skip: "Zum Inhalt", Other: "Sprache",
			Report: "Etwas melden", ReportLead: "Haben Sie Aufnahmen bekommen, die nicht Ihre sind, oder stimmt hier etwas anderes nicht? Sagen Sie es hier. Sie brauchen kein Konto, und Sie bekommen sofort eine Antwort.",
			What: "Was ist geschehen?", WhatHint: "Ein Satz genügt. Schreiben Sie nicht, was auf einer Aufnahme zu hören ist. Was Sie hier angeben, wird 90 Tage nach Abschluss des Falls entfernt.",
			Evidence: "Die Kennung des Archivs, oder eine Quittung", EvidenceHint: "Sie steht im Archiv in der Datei README.txt und auf der Seite index.html. Damit kann das, was es betrifft, sofort eingefroren werden.",
			Reach: "Ihre E-Mail-Adresse", ReachHint: "Dorthin kommt die Antwort. Ohne sie finden Sie alles auf der Seite, die Sie gleich sehen.",
			Optional: "freiwillig", Send: "Melden", Claim: "Hat ein Gerät hier Sie gehört? Fragen Sie, was es von Ihnen aufbewahrt.",
			Thanks: "Ihre Meldung ist da", Keep: "Behalten Sie diese Adresse", KeepHint: "Sie ist Ihr einziger Weg zurück. Wer sie hat, sieht, was Sie sehen.",
			Yours: "Ihre Meldung", Came: "Eingegangen am", Closed: "Abgeschlossen am", Done: "Was bisher geschah", DoneNone: "Noch ist nichts weiter geschehen.", Another: "Noch etwas melden",
			Attest: "Bitte löschen", Asked: "Wir haben Sie gebeten am", Until: "Diese Seite gilt bis", Choose: "Ihre Antwort", Name: "Ihr Name", NameHint: "Er wird nur denen gezeigt, die diesen Fall bearbeiten, und 90 Tage nach seinem Abschluss entfernt.",
			Say: "Was Sie dazu sagen möchten", SayHint: "Zum Beispiel, ob Sie etwas davon geöffnet oder weitergegeben haben.", Answer: "Antworten",
			Attested: "Danke. Sie haben bestätigt, dass alles gelöscht ist.", Refused: "Ihre Antwort ist angekommen. Wer diesen Fall bearbeitet, liest sie.", Over: "Die Frist dieser Seite ist vorbei.",
		}
	case "fr":
		return publicWords{
			Skip: "Aller au contenu", Other: "Langue",
			Report: "Signaler un problème", ReportLead: "Vous avez reçu des enregistrements qui ne sont pas les vôtres, ou quelque chose d’autre ne va pas ? Dites-le ici. Il ne faut pas de compte, et vous recevez une réponse aussitôt.",
			What: "Que s’est-il passé ?", WhatHint: "Une phrase suffit. N’écrivez pas ce que l’on entend sur un enregistrement. Ce que vous indiquez ici est supprimé 90 jours après la clôture du cas.",
			Evidence: "L’identifiant de l’archive, ou un reçu", EvidenceHint: "Il se trouve dans l’archive, dans le fichier README.txt et sur la page index.html. Grâce à lui, ce qui est concerné peut être gelé aussitôt.",
			Reach: "Votre adresse e-mail", ReachHint: "La réponse y sera envoyée. Sans elle, vous trouverez tout sur la page qui suit.",
			Optional: "facultatif", Send: "Signaler", Claim: "Un appareil d’ici vous a entendu ? Demandez ce qu’il garde de vous.",
			Thanks: "Votre signalement est arrivé", Keep: "Gardez cette adresse", KeepHint: "C’est votre seul moyen de revenir. Qui la possède voit ce que vous voyez.",
			Yours: "Votre signalement", Came: "Reçu le", Closed: "Clos le", Done: "Ce qui a été fait", DoneNone: "Rien d’autre n’a encore été fait.", Another: "Signaler autre chose",
			Attest: "Merci de supprimer", Asked: "Nous vous l’avons demandé le", Until: "Cette page est valable jusqu’au", Choose: "Votre réponse", Name: "Votre nom", NameHint: "Seules les personnes qui traitent ce cas le voient. Il est supprimé 90 jours après sa clôture.",
			Say: "Ce que vous voulez ajouter", SayHint: "Par exemple, si vous en avez ouvert ou transmis une partie.", Answer: "Répondre",
			Attested: "Merci. Vous avez confirmé que tout est supprimé.", Refused: "Votre réponse est arrivée. Les personnes qui traitent ce cas la liront.", Over: "Le délai de cette page est passé.",
		}
	case "es":
		return publicWords{
			Skip: "Ir al contenido", Other: "Idioma",
			Report: "Avisar de un problema", ReportLead: "¿Ha recibido grabaciones que no son suyas, o hay otra cosa que no está bien? Dígalo aquí. No necesita una cuenta y recibe una respuesta de inmediato.",
			What: "¿Qué ha ocurrido?", WhatHint: "Basta una frase. No escriba lo que se oye en una grabación. Lo que indique aquí se elimina 90 días después de cerrarse el caso.",
			Evidence: "El identificador del archivo, o un recibo", EvidenceHint: "Está dentro del archivo, en README.txt y en la página index.html. Con él, lo que corresponda se puede congelar de inmediato.",
			Reach: "Su dirección de correo", ReachHint: "Allí llegará la respuesta. Sin ella, lo encontrará todo en la página siguiente.",
			Optional: "opcional", Send: "Avisar", Claim: "¿Le ha oído un dispositivo de aquí? Pregunte qué guarda de usted.",
			Thanks: "Su aviso ha llegado", Keep: "Guarde esta dirección", KeepHint: "Es su único camino de vuelta. Quien la tenga ve lo que ve usted.",
			Yours: "Su aviso", Came: "Recibido el", Closed: "Cerrado el", Done: "Lo que se ha hecho", DoneNone: "Todavía no se ha hecho nada más.", Another: "Avisar de otra cosa",
			Attest: "Por favor, borre", Asked: "Se lo pedimos el", Until: "Esta página vale hasta el", Choose: "Su respuesta", Name: "Su nombre", NameHint: "Solo lo ve quien se ocupa de este caso. Se elimina 90 días después de cerrarse.",
			Say: "Lo que quiera añadir", SayHint: "Por ejemplo, si abrió o pasó algo a otros.", Answer: "Responder",
			Attested: "Gracias. Ha confirmado que todo está borrado.", Refused: "Su respuesta ha llegado. La leerá quien se ocupa de este caso.", Over: "El plazo de esta página ha terminado.",
		}
	case "it":
		return publicWords{
			Skip: "Vai al contenuto", Other: "Lingua",
			Report: "Segnalare un problema", ReportLead: "Ha ricevuto registrazioni che non sono Sue, o c’è qualcos’altro che non va? Lo dica qui. Non serve un account e riceve subito una risposta.",
			What: "Che cosa è successo?", WhatHint: "Basta una frase. Non scriva che cosa si sente in una registrazione. Ciò che indica qui viene rimosso 90 giorni dopo la chiusura del caso.",
			Evidence: "L’identificativo dell’archivio, o una ricevuta", EvidenceHint: "Si trova nell’archivio, nel file README.txt e nella pagina index.html. Con esso ciò che è coinvolto può essere congelato subito.",
			Reach: "Il Suo indirizzo e-mail", ReachHint: "La risposta arriva lì. Senza, trova tutto nella pagina che segue.",
			Optional: "facoltativo", Send: "Segnalare", Claim: "Un dispositivo qui L’ha sentita? Chieda che cosa conserva di Lei.",
			Thanks: "La Sua segnalazione è arrivata", Keep: "Conservi questo indirizzo", KeepHint: "È l’unico modo per tornare. Chi lo ha vede quello che vede Lei.",
			Yours: "La Sua segnalazione", Came: "Ricevuta il", Closed: "Chiusa il", Done: "Che cosa è stato fatto", DoneNone: "Non è ancora stato fatto altro.", Another: "Segnalare altro",
			Attest: "Per favore, cancelli", Asked: "Glielo abbiamo chiesto il", Until: "Questa pagina vale fino al", Choose: "La Sua risposta", Name: "Il Suo nome", NameHint: "Lo vede solo chi si occupa di questo caso. Viene rimosso 90 giorni dopo la chiusura.",
			Say: "Che cosa vuole aggiungere", SayHint: "Per esempio, se ha aperto o passato ad altri qualcosa.", Answer: "Rispondere",
			Attested: "Grazie. Ha confermato che tutto è cancellato.", Refused: "La Sua risposta è arrivata. La legge chi si occupa di questo caso.", Over: "Il termine di questa pagina è passato.",
		}
	case "nl":
		return publicWords{
			Skip: "Naar de inhoud", Other: "Taal",
			Report: "Iets melden", ReportLead: "Hebt u opnamen gekregen die niet van u zijn, of klopt er iets anders niet? Zeg het hier. U hebt geen account nodig en u krijgt meteen antwoord.",
			What: "Wat is er gebeurd?", WhatHint: "Eén zin is genoeg. Schrijf niet op wat er op een opname te horen is. Wat u hier opgeeft, wordt 90 dagen na het sluiten van de zaak verwijderd.",
			Evidence: "Het nummer van het archief, of een ontvangstbewijs", EvidenceHint: "Het staat in het archief in het bestand README.txt en op de pagina index.html. Daarmee kan meteen worden bevroren waar het om gaat.",
			Reach: "Uw e-mailadres", ReachHint: "Daar komt het antwoord. Zonder vindt u alles op de pagina die u zo ziet.",
			Optional: "niet verplicht", Send: "Melden", Claim: "Heeft een apparaat hier u gehoord? Vraag wat het van u bewaart.",
			Thanks: "Uw melding is binnen", Keep: "Bewaar dit adres", KeepHint: "Het is uw enige weg terug. Wie het heeft, ziet wat u ziet.",
			Yours: "Uw melding", Came: "Binnengekomen op", Closed: "Afgesloten op", Done: "Wat er is gedaan", DoneNone: "Er is nog niets anders gedaan.", Another: "Nog iets melden",
			Attest: "Wist dit alstublieft", Asked: "We hebben het u gevraagd op", Until: "Deze pagina geldt tot", Choose: "Uw antwoord", Name: "Uw naam", NameHint: "Alleen wie deze zaak behandelt, ziet hem. Hij wordt 90 dagen na het sluiten ervan verwijderd.",
			Say: "Wat u erbij wilt zeggen", SayHint: "Bijvoorbeeld of u er iets van hebt geopend of doorgegeven.", Answer: "Antwoorden",
			Attested: "Dank u. U hebt bevestigd dat alles is gewist.", Refused: "Uw antwoord is binnen. Wie deze zaak behandelt, leest het.", Over: "De termijn van deze pagina is voorbij.",
		}
	}
	return publicWords{
		Skip: "Skip to the content", Other: "Language",
		Report: "Report something", ReportLead: "Did you receive recordings that are not yours, or is something else wrong here? Say so. You need no account, and you are answered at once.",
		What: "What happened?", WhatHint: "A sentence is enough. Do not write what can be heard on a recording. What you give here is removed 90 days after the case is closed.",
		Evidence: "The id of the archive, or a receipt", EvidenceHint: "It stands in the archive, in the file README.txt and on the page index.html. With it, what it concerns can be frozen at once.",
		Reach: "Your e-mail address", ReachHint: "The answer goes there. Without one, you find everything on the page that you see next.",
		Optional: "optional", Send: "Report it", Claim: "A device here heard you? Ask what it keeps of you.",
		Thanks: "Your report has come in", Keep: "Keep this address", KeepHint: "It is your only way back. Whoever has it sees what you see.",
		Yours: "Your report", Came: "It came in on", Closed: "Closed on", Done: "What was done", DoneNone: "Nothing more was done yet.", Another: "Report something else",
		Attest: "Please delete it", Asked: "We asked you on", Until: "This page works until", Choose: "Your answer", Name: "Your name", NameHint: "Only those who work on this case see it. It is removed 90 days after the case is closed.",
		Say: "What you want to add", SayHint: "Such as whether you opened any of it, or passed it on.", Answer: "Answer",
		Attested: "Thank you. You have confirmed that everything is deleted.", Refused: "Your answer has come in. Those who work on this case read it.", Over: "The time of this page is over.",
	}
}
