// Says in plain words what an entry records.

const who = {
  keyholder: 'A keyholder',
  guardian: 'A guardian',
  device: 'A device',
  operator: 'Whoever runs this Hearkeep',
  system: 'Hearkeep by itself',
  admin: 'An admin of the household',
  token: 'A program with a keyholder’s token',
}

const did = {
  opened: 'opened recordings',
  'opening-failed': 'could not open what is stored: it is altered, or somebody else’s',
  erased: 'erased recordings',
  expired: 'let recordings go whose time was over',
  'keep-failed': 'handed out numbers under which nothing was kept',
  'keys-changed': 'changed keys, or made an account, a way in or a vault',
  bound: 'bound a device to a vault',
  unbound: 'disconnected a device from a vault',
  'door-changed': 'changed a door’s name, settings or rule',
  'signed-in': 'signed in',
  'signed-out': 'signed out',
  paired: 'gave a device its token',
  'household-changed': 'changed who belongs to a household',
  'token-changed': 'made or ended an API token',
  farewell: 'asked for an account to be erased, or changed that',
  request: 'used a right, or a step of that was taken',
  disclosed: 'handed over an archive',
  'release-stopped': 'stopped an archive that did not add up',
  restricted: 'froze handing over and expiry, or ended that',
  reported: 'filed or closed a report',
  corrected: 'corrected words',
  backup: 'made, checked, destroyed or restored a backup',
  operator: 'worked on this Hearkeep',
  'bodies-expired': 'let go what old entries said, whose time was over',
  incident: 'took a step in a case',
}

// visible shows characters that a terminal obeys, or that turn a text around.
export const visible = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`)

// sentence is what happened, by whom in which role, without a time.
export function sentence(entry) {
  const subject = (Object.hasOwn(who, entry.role) ? who[entry.role] : undefined) ?? (entry.role ? `Somebody in the role “${entry.role}”` : 'Somebody')
  const act = Object.hasOwn(did, entry.kind) ? did[entry.kind] : `did what this version does not know: “${entry.kind}”`
  return `${subject} ${act}.`
}

// facts are an entry's members as pairs of a name and a text.
export function facts(entry) {
  const of = (name, text) => (text === undefined ? [] : [[name, String(text)]])
  const items = entry.items?.map((r) => `${r.from}${r.to === r.from ? '' : ` to ${r.to}`} of binding ${r.binding}`)
  return [
    ...of('When', entry.at.toISOString().replace('T', ' ').replace('Z', ' UTC')),
    ...of('Purpose', entry.purpose),
    ...of('Filter', entry.filter),
    ...of('How many', entry.count),
    ...of('Numbers', items?.join('; ')),
    ...of('Account', entry.account),
    ...of('Vault', entry.vault),
    ...of('Binding', entry.binding),
    ...of('Session', entry.session),
    ...of('Receipt', entry.receipt),
    ...of('Request', entry.request),
    ...of('Archive', entry.archive),
    ...of('Report', entry.report),
    ...of('Case', entry.incident),
    ...of('Token', entry.token),
    ...of('Goes on from', entry.continues?.key),
    ...Object.entries(entry.other).map(([name, raw]) => [name, visible(raw)]),
  ]
}
