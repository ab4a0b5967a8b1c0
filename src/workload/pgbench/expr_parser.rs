//! From the words of an expression to its tree, with pgbench's precedences.
//!
//! From the loosest: OR; AND; NOT; IS, ISNULL, NOTNULL; comparisons, which do not chain; the bitwise
//! operators, all alike; `+ -`; `* / %`; signs.

use std::sync::Arc;

use super::expr::Arity;
use super::expr_tokens::{Keyword, Token, Tokens};
use super::split::Problem;
use super::{Function, Node, Scalar, VarId};

/// How deep a tree may be; a chain of operators is as deep as it is long. Evaluating one of this depth
/// needs less stack than a thread has.
const MAX_DEPTH: usize = 500;

/// How deep parentheses and what binds like them may be nested; parsing needs more stack for each level.
const MAX_NESTING: usize = 200;

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const IS: u8 = 4;
const COMPARE: u8 = 5;
const BITWISE: u8 = 6;
const SUM: u8 = 7;
const PRODUCT: u8 = 8;
const SIGN: u8 = 9;

/// Parses the expression of the meta command `command` that begins at `at`, up to the end of its line.
/// Returns its tree and the offset behind it.
pub(super) fn parse(
    text: &str,
    at: usize,
    command: &str,
    variable: &mut dyn FnMut(&str) -> VarId,
) -> Result<(Node, usize), Problem> {
    let parsed = Parser::start(Tokens::new(text, at), variable).and_then(Parser::all);
    parsed.map_err(|mut problem| {
        problem.problem += " in command \"";
        problem.problem += command;
        problem.problem.push('"');
        problem
    })
}

struct Parser<'a, 'v> {
    tokens: Tokens<'a>,
    next: (Token<'a>, usize),
    variable: &'v mut dyn FnMut(&str) -> VarId,
    nesting: usize,
}

/// A tree and its depth.
struct Tree {
    node: Node,
    depth: usize,
}

impl<'a, 'v> Parser<'a, 'v> {
    fn start(
        mut tokens: Tokens<'a>,
        variable: &'v mut dyn FnMut(&str) -> VarId,
    ) -> Result<Self, Problem> {
        let next = tokens.next()?;
        Ok(Self {
            tokens,
            next,
            variable,
            nesting: 0,
        })
    }

    /// Everything up to the end of the line, and the offset behind it.
    fn all(mut self) -> Result<(Node, usize), Problem> {
        let tree = self.expression(OR)?;
        if self.next.0 != Token::End {
            return Err(self.syntax_error());
        }
        Ok((tree.node, self.tokens.at()))
    }

    fn advance(&mut self) -> Result<Token<'a>, Problem> {
        let next = self.tokens.next()?;
        Ok(std::mem::replace(&mut self.next, next).0)
    }

    fn error(&self, problem: String) -> Problem {
        let offset = self.next.1;
        Problem { offset, problem }
    }

    fn syntax_error(&self) -> Problem {
        let found = match self.next.0 {
            Token::End => "the end of the line".to_owned(),
            Token::Variable(name) => format!("`:{name}`"),
            Token::Word(word) => format!("`{word}`"),
            Token::Symbol(symbol) => format!("`{symbol}`"),
            Token::Keyword(word) => format!("`{word:?}`").to_uppercase(),
            Token::MinInt => "9223372036854775808, which needs a minus before it".to_owned(),
            Token::Int(_) | Token::Double(_) => "a number".to_owned(),
            Token::Bool(_) => "a boolean".to_owned(),
            Token::Null => "NULL".to_owned(),
        };
        self.error(format!("syntax error: unexpected {found}"))
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.next.0, Token::Symbol(found) if found == symbol)
    }

    fn expect(&mut self, token: Token<'_>) -> Result<(), Problem> {
        if self.next.0 != token {
            return Err(self.syntax_error());
        }
        self.advance().map(|_| ())
    }

    fn call(&self, function: Function, args: Vec<Tree>) -> Result<Tree, Problem> {
        let depth = 1 + args.iter().map(|arg| arg.depth).max().unwrap_or(0);
        if depth > MAX_DEPTH {
            return Err(self.too_deep(MAX_DEPTH));
        }
        let args = args.into_iter().map(|arg| arg.node).collect();
        let node = Node::Call { function, args };
        Ok(Tree { node, depth })
    }

    fn too_deep(&self, most: usize) -> Problem {
        self.error(format!("the expression is nested more than {most} deep"))
    }

    /// An expression of operators that bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Result<Tree, Problem> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.too_deep(MAX_NESTING));
        }
        let mut left = self.prefix()?;
        // Whether `left` is a comparison, which must not be compared again.
        let mut compared = false;
        while let Some((level, operator)) = self.operator() {
            if level < least {
                break;
            }
            if level == IS {
                left = self.is_test(left)?;
                compared = false;
                continue;
            }
            if level == COMPARE && compared {
                return Err(self.syntax_error());
            }
            self.advance()?;
            let right = self.expression(level + 1)?;
            compared = level == COMPARE;
            left = match operator {
                Operator::Swapped(function) => self.call(function, vec![right, left])?,
                Operator::Plain(function) => self.call(function, vec![left, right])?,
            };
        }
        self.nesting -= 1;
        Ok(left)
    }

    /// The operator that comes next, and how tightly it binds.
    fn operator(&self) -> Option<(u8, Operator)> {
        use Operator::{Plain, Swapped};
        Some(match self.next.0 {
            Token::Keyword(Keyword::Or) => (OR, Plain(Function::Or)),
            Token::Keyword(Keyword::And) => (AND, Plain(Function::And)),
            Token::Keyword(Keyword::Is | Keyword::IsNull | Keyword::NotNull) => {
                (IS, Plain(Function::Is))
            }
            Token::Symbol(symbol) => match symbol {
                "=" => (COMPARE, Plain(Function::Eq)),
                "<>" | "!=" => (COMPARE, Plain(Function::Ne)),
                "<" => (COMPARE, Plain(Function::Lt)),
                "<=" => (COMPARE, Plain(Function::Le)),
                ">" => (COMPARE, Swapped(Function::Lt)),
                ">=" => (COMPARE, Swapped(Function::Le)),
                "|" => (BITWISE, Plain(Function::BitOr)),
                "&" => (BITWISE, Plain(Function::BitAnd)),
                "#" => (BITWISE, Plain(Function::BitXor)),
                "<<" => (BITWISE, Plain(Function::ShiftLeft)),
                ">>" => (BITWISE, Plain(Function::ShiftRight)),
                "+" => (SUM, Plain(Function::Add)),
                "-" => (SUM, Plain(Function::Sub)),
                "*" => (PRODUCT, Plain(Function::Mul)),
                "/" => (PRODUCT, Plain(Function::Div)),
                "%" => (PRODUCT, Plain(Function::Mod)),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// `IS [NOT] NULL`, `IS [NOT] TRUE`, `ISNULL` and so on behind `left`.
    fn is_test(&mut self, left: Tree) -> Result<Tree, Problem> {
        let (negated, constant) = match self.advance()? {
            Token::Keyword(Keyword::IsNull) => (false, Scalar::Null),
            Token::Keyword(Keyword::NotNull) => (true, Scalar::Null),
            _ => {
                let negated = self.next.0 == Token::Keyword(Keyword::Not);
                if negated {
                    self.advance()?;
                }
                let constant = match self.next.0 {
                    Token::Null => Scalar::Null,
                    Token::Bool(value) => Scalar::Bool(value),
                    _ => return Err(self.syntax_error()),
                };
                self.advance()?;
                (negated, constant)
            }
        };
        let test = self.call(Function::Is, vec![left, leaf(Node::Const(constant))])?;
        if negated {
            self.call(Function::Not, vec![test])
        } else {
            Ok(test)
        }
    }

    /// What can stand at the front of an expression.
    fn prefix(&mut self) -> Result<Tree, Problem> {
        match self.next.0 {
            Token::Int(value) => self.constant(Scalar::Int(value)),
            Token::Double(value) => self.constant(Scalar::Double(value)),
            Token::Bool(value) => self.constant(Scalar::Bool(value)),
            Token::Null => self.constant(Scalar::Null),
            Token::Variable(name) => {
                let tree = self.variable(name);
                self.advance()?;
                Ok(tree)
            }
            Token::Word(name) => self.function(name),
            Token::Keyword(Keyword::Not) => {
                self.advance()?;
                let arg = self.expression(NOT)?;
                self.call(Function::Not, vec![arg])
            }
            Token::Keyword(Keyword::Case) => self.case(),
            Token::Symbol("(") => {
                self.advance()?;
                let inner = self.expression(OR)?;
                self.expect(Token::Symbol(")"))?;
                Ok(inner)
            }
            Token::Symbol("+") => {
                self.advance()?;
                self.expression(SIGN)
            }
            Token::Symbol("-") => {
                self.advance()?;
                if self.next.0 == Token::MinInt {
                    return self.constant(Scalar::Int(i64::MIN));
                }
                let arg = self.expression(SIGN)?;
                let zero = leaf(Node::Const(Scalar::Int(0)));
                self.call(Function::Sub, vec![zero, arg])
            }
            Token::Symbol("~") => {
                self.advance()?;
                // Binary ones of the same level end the operand: `~1 | 2` is `(~1) | 2`.
                let arg = self.expression(BITWISE + 1)?;
                let ones = leaf(Node::Const(Scalar::Int(-1)));
                self.call(Function::BitXor, vec![ones, arg])
            }
            _ => Err(self.syntax_error()),
        }
    }

    fn constant(&mut self, scalar: Scalar) -> Result<Tree, Problem> {
        self.advance()?;
        Ok(leaf(Node::Const(scalar)))
    }

    fn variable(&mut self, name: &str) -> Tree {
        let id = (self.variable)(name);
        let name = Arc::from(name);
        leaf(Node::Var { id, name })
    }

    fn function(&mut self, name: &str) -> Result<Tree, Problem> {
        let Some((function, arity)) = Function::named(name) else {
            return Err(self.error(format!("unexpected function name ({name})")));
        };
        let start = self.next.1;
        self.advance()?;
        self.expect(Token::Symbol("("))?;
        let mut args = Vec::new();
        while !self.is(")") {
            if !args.is_empty() {
                self.expect(Token::Symbol(","))?;
            }
            args.push(self.expression(OR)?);
        }
        self.advance()?;
        let count = args.len();
        let problem = match arity {
            Arity::AtLeastOne if count == 0 => format!("at least one argument expected ({name})"),
            Arity::AtLeastOne if count > Function::MAX_ARGS => format!(
                "too many function arguments, maximum is {}",
                Function::MAX_ARGS
            ),
            Arity::AtLeastOne => return self.call(function, args),
            Arity::Exactly(wanted) if count == wanted => return self.call(function, args),
            Arity::Seeded(wanted) if count == wanted || count == wanted + 1 => {
                if count == wanted {
                    args.push(self.variable("default_seed"));
                }
                return self.call(function, args);
            }
            _ => format!("unexpected number of arguments ({name})"),
        };
        Err(Problem {
            offset: start,
            problem,
        })
    }

    fn case(&mut self) -> Result<Tree, Problem> {
        self.advance()?;
        let mut args = Vec::new();
        loop {
            self.expect(Token::Keyword(Keyword::When))?;
            args.push(self.expression(OR)?);
            self.expect(Token::Keyword(Keyword::Then))?;
            args.push(self.expression(OR)?);
            match self.next.0 {
                Token::Keyword(Keyword::When) => {}
                Token::Keyword(Keyword::Else) => {
                    self.advance()?;
                    args.push(self.expression(OR)?);
                    break;
                }
                _ => {
                    args.push(leaf(Node::Const(Scalar::Null)));
                    break;
                }
            }
        }
        self.expect(Token::Keyword(Keyword::End))?;
        self.call(Function::Case, args)
    }
}

enum Operator {
    Plain(Function),
    /// Its arguments change places.
    Swapped(Function),
}

fn leaf(node: Node) -> Tree {
    Tree { node, depth: 1 }
}

#[cfg(test)]
mod tests;
