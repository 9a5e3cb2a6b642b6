/**
 * @since 3.0.0
 */
export * from "./BudgetUnavailable.js"
export * as FleetBudget from "./FleetBudget.js"
export * as PostgresBudget from "./PostgresBudget.js"
export * as RedisBudget from "./RedisBudget.js"
