mod day;
mod model;
mod rules;
mod sharing;
mod simulation;
