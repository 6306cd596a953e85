// Generated from the `publishes` options in contracts/proto. Do not edit; run `npm run generate`.
/* eslint-disable */
import { declareEvent } from "../declare-event.ts";
import { DeliveryEventSchema, DeliveryService } from "./tradepost/delivery/v1/delivery_pb.ts";
import { NotificationRequestSchema, NotificationService } from "./tradepost/notification/v1/notification_pb.ts";
import { ScoreEventSchema, ScoreService } from "./tradepost/score/v1/score_pb.ts";
import { UserSchema, UserService } from "./tradepost/user/v1/user_pb.ts";

export const events = {
  MessageSent: declareEvent(DeliveryService, DeliveryEventSchema, "MessageSent", "delivery"),
  MessageBounced: declareEvent(DeliveryService, DeliveryEventSchema, "MessageBounced", "delivery"),
  MessageNotSent: declareEvent(DeliveryService, DeliveryEventSchema, "MessageNotSent", "delivery"),
  NotificationRequested: declareEvent(NotificationService, NotificationRequestSchema, "NotificationRequested", "notification"),
  ScoreEventAccepted: declareEvent(ScoreService, ScoreEventSchema, "ScoreEventAccepted", "score"),
  UserCreated: declareEvent(UserService, UserSchema, "UserCreated", "user"),
  UserUpdated: declareEvent(UserService, UserSchema, "UserUpdated", "user"),
  UserDeleted: declareEvent(UserService, UserSchema, "UserDeleted", "user"),
} as const;
