/* Fills the form of a calculator from the facts of a conversation: what is the same under both names. */

const CONTRACTS = { cdi: "CDI", cdd: "CDD", interim: "CTT" };
/** Words of the labels of agreements by which a category of the profile is known. */
const CATEGORIES = {
  cadre: /\bcadres?\b/i,
  agent_de_maitrise: /ma[iî]trise/i,
  technicien: /technicien/i,
  etam: /\betam\b/i,
  employe: /\bemploy[eé]/i,
  ouvrier: /\bouvri/i,
};

/** Return the one label that a category fits, undefined where none or several do. */
function label(category, choices = []) {
  const fitting = choices.filter((one) => CATEGORIES[category]?.test(one));
  return fitting.length === 1 ? fitting[0] : undefined;
}

const years = (months) => (months === undefined ? undefined : Math.round((months / 12) * 100) / 100);

/** Return the inputs that `facts` give, by name, for the fields of a form. */
export function fromFacts(facts, fields) {
  const category = fields.find(({ name }) => name === "category");
  const values = {
    category: label(facts.category, category?.choices),
    contract: CONTRACTS[facts.contract],
    seniority_years: years(facts.seniority_months),
    right_seniority_years: years(facts.seniority_months),
    reference_salary: facts.monthly_gross_pay_eur,
    monthly_salary: facts.monthly_gross_pay_eur,
    headcount: facts.headcount,
  };
  return new Map(fields.map(({ name }) => [name, values[name]]).filter(([, value]) => value !== undefined));
}
